"""Squares in bulk are those of a client's steps, one image at a time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from safelight.imaging import Image
from safelight.imaging.steps import CenterCropSquare, Resize
from safelight.models.datasets.squares import reduction, squares

SHAPES = [
    (28, 28), (28, 20), (20, 28), (28, 20, 3), (70, 64), (90, 131), (90, 131, 3), (128, 128, 3),
]  # fmt: skip


def images(shape: tuple[int, ...], count: int = 11) -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (count, *shape), dtype=np.uint8)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bits_of_one_image_at_a_time(shape: tuple[int, ...]) -> None:
    given = images(shape)
    found = squares(given, 64)
    side = min(64, *shape[:2])
    assert found.shape == (11, side, side, *shape[2:])
    for image, square in zip(given, found, strict=True):
        planes = CenterCropSquare().apply(Image.from_array(image).channels_first())
        wanted = np.round(Resize(side, side).apply(planes) * 255)
        assert (np.atleast_3d(square) == np.moveaxis(wanted, 0, 2)).all()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((28, 28), ""),
        ((64, 64, 3), ""),
        ((224, 224, 3), "images of 224×224 pixels are reduced to 64×64"),
        ((28, 20), "of images of 28×20 pixels the central 20×20 is used"),
        ((300, 200), "of images of 300×200 pixels the central 200×200 is used, reduced to 64×64"),
    ],
)
def test_what_is_done_is_said(shape: tuple[int, ...], said: str) -> None:
    assert reduction(shape, 64) == said
