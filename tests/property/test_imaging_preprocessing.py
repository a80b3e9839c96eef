"""What holds for resizing and its neighbours whatever the image."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from safelight.imaging import Image, Preprocessing
from safelight.imaging.resampling import resize, triangle_taps
from safelight.imaging.steps import Flatten, Greyscale, Resize

SIZES = st.integers(1, 70)
PLANES = npst.arrays(
    np.float64,
    st.tuples(st.sampled_from([1, 3]), st.integers(1, 20), st.integers(1, 20)),
    elements=st.floats(0.0, 1.0),
)


@given(planes=PLANES)
def test_an_image_of_the_right_size_is_unchanged(planes: NDArray[np.float64]) -> None:
    assert np.array_equal(resize(planes, planes.shape[1], planes.shape[2]), planes)


@given(size_in=SIZES, size_out=SIZES)
def test_weights_sum_to_one_and_stay_inside(size_in: int, size_out: int) -> None:
    taps = triangle_taps(size_in, size_out)
    assert np.allclose(taps.weights.sum(axis=1), 1.0, rtol=0, atol=1e-14)
    assert taps.weights.min() >= 0.0
    assert taps.positions.min() >= 0
    assert taps.positions.max() < size_in


@given(planes=PLANES, height=SIZES, width=SIZES)
def test_resizing_keeps_the_range(planes: NDArray[np.float64], height: int, width: int) -> None:
    resized = resize(planes, height, width)
    assert resized.shape == (planes.shape[0], height, width)
    assert resized.min() >= planes.min() - 1e-12
    assert resized.max() <= planes.max() + 1e-12


@given(planes=PLANES, height=SIZES, width=SIZES)
def test_resizing_commutes_with_mirroring(
    planes: NDArray[np.float64], height: int, width: int
) -> None:
    mirrored = resize(planes[:, ::-1, ::-1], height, width)
    assert np.allclose(mirrored[:, ::-1, ::-1], resize(planes, height, width), rtol=0, atol=1e-9)


@given(
    array=npst.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
)
def test_steps_from_json_do_the_same(array: NDArray[np.uint8], height: int, width: int) -> None:
    steps = Preprocessing((Greyscale(), Resize(height, width), Flatten()))
    again = Preprocessing.from_json(json.loads(json.dumps(steps.to_json())))
    image = Image.from_array(array)
    assert np.array_equal(again.apply(image), steps.apply(image))
