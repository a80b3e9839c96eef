"""JPEG 2000 in memory: nothing lost without a ratio, something with one, at any size."""

from __future__ import annotations

import numpy as np
import pytest

from safelight.errors import ImageError
from safelight.imaging.jpeg2000_round_trip import round_trip


@pytest.mark.parametrize("shape", [(4, 4), (8, 12), (28, 28), (64, 48), (224, 224)])
def test_lossless_and_lossy(shape: tuple[int, int]) -> None:
    rows, columns = np.indices(shape)
    noise = np.random.default_rng(0).integers(0, 30, shape)
    image = (100 + 80 * np.sin(rows / 5) * np.cos(columns / 7) + noise).clip(0, 255)
    image = image.astype(np.uint8)
    assert (round_trip(image, 1) == image).all()
    lossy = round_trip(image, 10)
    assert (lossy.dtype, lossy.shape) == (np.uint8, shape)
    assert (lossy != image).any()
    if min(shape) > 50:
        assert np.abs(lossy.astype(int) - image).mean() < 20


def test_what_it_does_not_take() -> None:
    for wrong, ratio in (
        (np.zeros((8, 8, 3), np.uint8), 2),
        (np.zeros((8, 8), np.uint16), 2),
        (np.zeros((8, 8), np.uint8), 0),
    ):
        with pytest.raises(ImageError):
            round_trip(wrong, ratio)
