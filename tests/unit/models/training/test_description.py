"""What a trained model asks of a file: whole pictures are framed, crops of CT are not."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

from safelight.models.datasets import lidc
from safelight.models.datasets.dataset import About
from safelight.models.training.architectures import Architecture, Dense
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import Normalisation
from safelight.models.training.trial_compilation import description_of

FRAMING = ["center_crop_square", "resize"]
PICTURE = About("Pictures", "binary", ("no", "yes"), "CC0", "nobody", kind="chest-xray")


@pytest.mark.parametrize(
    ("about", "dtype", "framing"), [(PICTURE, np.uint8, FRAMING), (lidc.ABOUT, np.int16, [])]
)
def test_only_pictures_are_framed(about: About, dtype: type, framing: list[str]) -> None:
    images = np.arange(8 * 36).reshape(8, 6, 6).astype(dtype)
    made = description_of(
        "any", "Any", Architecture((1, 6, 6), (Dense(3),)), Normalisation.of(images),
        Objective.of(about, np.arange(8) % 2),
    )  # fmt: skip
    steps = [step["step"] for step in made["preprocessing"]["steps"]]
    assert [step for step in steps if step in FRAMING] == framing
