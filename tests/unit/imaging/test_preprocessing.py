"""Preprocessing: the steps, their JSON, and the page that specifies them."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from safelight.errors import ImageError, MalformedError, RecordError
from safelight.imaging import Image, Preprocessing
from safelight.imaging.steps import (
    CenterCropSquare,
    Colour,
    Flatten,
    Greyscale,
    Normalize,
    Resize,
    ScaleRange,
    Standardize,
    Window,
)

PAGE = Path(__file__).parents[3] / "docs" / "preprocessing.md"
RNG = np.random.default_rng(5)
GREY = RNG.integers(0, 256, (20, 30), dtype=np.uint8)
RGB = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)


def resize_as_the_page_says(samples: list[float], m: int) -> list[float]:
    """Section 3 word by word, in plain Python."""
    n = len(samples)
    if n == m:
        return samples
    scale = n / m
    radius = max(scale, 1.0)
    out = []
    for i in range(m):
        centre = (i + 0.5) * scale
        first = max(math.floor(centre - radius), 0)
        beyond = min(math.ceil(centre + radius), n)
        weights = [max(1 - abs((j + 0.5) - centre) / radius, 0) for j in range(first, beyond)]
        total = 0.0
        for weight in weights:
            total += weight
        value = 0.0
        for j, weight in zip(range(first, beyond), weights, strict=True):
            value += samples[j] * (weight / total)
        out.append(value)
    return out


@pytest.mark.parametrize(("height", "width"), [(20, 30), (7, 11), (28, 28), (1, 1), (3, 90)])
def test_resize_is_what_the_page_says_to_the_last_bit(height: int, width: int) -> None:
    rows = [resize_as_the_page_says(row, width) for row in (GREY / 255.0).tolist()]
    columns = [resize_as_the_page_says(list(c), height) for c in zip(*rows, strict=True)]
    expected = np.array(columns).T
    resized = Preprocessing((Resize(height, width),)).apply(Image.from_array(GREY))
    assert np.array_equal(resized[0], expected)


def test_the_vector_on_the_page() -> None:
    found = re.search(r"```json vector\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    vector = json.loads(found[1])
    image = Image.from_array(np.array(vector["input"]))
    for prefix in ("", "enlarged_"):
        step = Resize(vector[f"{prefix}height"], vector[f"{prefix}width"])
        assert Preprocessing((step,)).apply(image)[0].tolist() == vector[f"{prefix}output"]


def test_the_example_on_the_page() -> None:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    value = json.loads(found[1])
    assert Preprocessing.from_json(value).to_json() == value


def test_every_step_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for step in (Greyscale, Colour, CenterCropSquare, Resize, Window, ScaleRange, Normalize,
                 Flatten, Standardize):  # fmt: skip
        assert f"| `{step.NAME}` |" in text


def test_greyscale_and_colour() -> None:
    grey = Preprocessing((Greyscale(),)).apply(Image.from_array(RGB))
    red, green, blue = np.moveaxis(RGB / 255.0, 2, 0)
    assert np.array_equal(grey[0], (0.299 * red + 0.587 * green) + 0.114 * blue)
    colour = Preprocessing((Colour(),)).apply(Image.from_array(GREY))
    assert colour.shape == (3, 20, 30)
    assert np.array_equal(colour[2], GREY / 255.0)


def test_crop_leaves_the_odd_column_at_the_right() -> None:
    image = Image.from_array(GREY[:, :29])
    cropped = Preprocessing((CenterCropSquare(),)).apply(image)
    assert np.array_equal(cropped[0], GREY[:, 4:24] / 255.0)


def test_flatten_is_channel_row_column() -> None:
    flat = Preprocessing((Flatten(),)).apply(Image.from_array(RGB))
    assert np.array_equal(flat, np.moveaxis(RGB / 255.0, 2, 0).ravel())


def test_window_scale_normalize() -> None:
    ct = Image.from_array(np.array([[-1000, 40, 3000]], np.int16), value_scale="hounsfield")
    steps = Preprocessing((Window(40.0, 400.0), ScaleRange(-1.0, 1.0), Normalize((0.5,), (2.0,))))
    assert steps.value_scale == "hounsfield"
    assert steps.apply(ct)[0].tolist() == [[-0.75, -0.25, 0.25]]


def test_the_wrong_scale_is_refused() -> None:
    ct = Image.from_array(np.array([[-1000, 40]], np.int16), value_scale="hounsfield")
    with pytest.raises(ImageError, match="'hounsfield' where the model takes 'display'"):
        Preprocessing((Greyscale(),)).apply(ct)
    with pytest.raises(ImageError, match="'display' where the model takes 'hounsfield'"):
        Preprocessing((Window(0.0, 1.0),)).apply(Image.from_array(GREY))


def test_the_wrong_kind_is_refused() -> None:
    with pytest.raises(ImageError, match="3 channels where the model takes 1"):
        Preprocessing((Normalize((0.5,), (0.5,)),)).apply(Image.from_array(RGB))
    with pytest.raises(ImageError, match="record of features"):
        Preprocessing((Standardize((0.0,), (1.0,)),)).apply(Image.from_array(GREY))
    with pytest.raises(RecordError, match="takes an image"):
        Preprocessing((Greyscale(),)).apply_record(np.zeros(3))
    stack = Image(pixels=np.zeros((2, 3, 3)), has_frames=True)
    with pytest.raises(ImageError, match="2 frames"):
        Preprocessing((Greyscale(),)).apply(stack)


def test_records() -> None:
    steps = Preprocessing((Standardize((1.0, 2.0), (2.0, 4.0)),))
    assert steps.apply_record(np.array([3.0, 10.0])).tolist() == [1.0, 2.0]
    assert steps.apply_record(np.array([[1, 2], [3, 10]])).tolist() == [[0.0, 0.0], [1.0, 2.0]]
    for bad in ([1.0], [1.0, 2.0, 3.0], [1.0, math.nan], [1.0, -math.inf], [], [[[1.0, 2.0]]],
                ["1", "2"], [True, False]):  # fmt: skip
        with pytest.raises(RecordError) as caught:
            steps.apply_record(np.array(bad))
        assert caught.value.hint


ALL_STEPS = (
    Preprocessing((Window(-600.0, 1500.0), Greyscale(), Colour(), CenterCropSquare(),
                   Resize(28, 30), ScaleRange(-1.0, 1.0), Normalize((0.1, 0.2, 0.3),
                   (1.0, 2.0, 3.0)), Flatten())),
    Preprocessing((Standardize((0.5, 0.25), (1.0, 2.0)),)),
    Preprocessing(()),
)  # fmt: skip


@pytest.mark.parametrize("steps", ALL_STEPS)
def test_json_there_and_back(steps: Preprocessing) -> None:
    assert Preprocessing.from_json(json.loads(json.dumps(steps.to_json()))) == steps


@pytest.mark.parametrize(
    "value",
    [
        None, [], {}, {"version": 1}, {"version": 2, "steps": []}, {"version": True, "steps": []},
        {"version": 1, "steps": {}}, {"version": 1, "steps": [], "more": 1},
        {"version": 1, "steps": [{"step": "greyscale"}] * 33},
        {"version": 1, "steps": ["greyscale"]},
        {"version": 1, "steps": [{"step": "sharpen"}]},
        {"version": 1, "steps": [{"step": ["greyscale"]}]},
        {"version": 1, "steps": [{"step": "greyscale", "weights": [1, 2, 3]}]},
        {"version": 1, "steps": [{"step": "resize", "height": 28}]},
        {"version": 1, "steps": [{"step": "resize", "height": 28.0, "width": 28}]},
        {"version": 1, "steps": [{"step": "resize", "height": True, "width": 28}]},
        {"version": 1, "steps": [{"step": "resize", "height": 0, "width": 28}]},
        {"version": 1, "steps": [{"step": "resize", "height": 28, "width": 10**6}]},
        {"version": 1, "steps": [{"step": "normalize", "mean": [0.5], "std": [0.0]}]},
        {"version": 1, "steps": [{"step": "normalize", "mean": [0.5], "std": [1.0, 1.0]}]},
        {"version": 1, "steps": [{"step": "normalize", "mean": 0.5, "std": 1.0}]},
        {"version": 1, "steps": [{"step": "normalize", "mean": ["0"], "std": [1.0]}]},
        {"version": 1, "steps": [{"step": "scale_range", "low": 1.0, "high": 1.0}]},
        {"version": 1, "steps": [{"step": "scale_range", "low": 0, "high": float("inf")}]},
        {"version": 1, "steps": [{"step": "scale_range", "low": 0, "high": 10**400}]},
        {"version": 1, "steps": [{"step": "window", "center_hu": 0, "width_hu": -1}]},
        {"version": 1, "steps": [{"step": "greyscale"},
                                 {"step": "window", "center_hu": 0, "width_hu": 1}]},
        {"version": 1, "steps": [{"step": "flatten"}, {"step": "greyscale"}]},
        {"version": 1, "steps": [{"step": "standardize", "mean": [], "scale": []}]},
        {"version": 1, "steps": [{"step": "standardize", "mean": [0], "scale": [1]},
                                 {"step": "flatten"}]},
    ],
)  # fmt: skip
def test_json_is_read_strictly(value: object) -> None:
    with pytest.raises(MalformedError):
        Preprocessing.from_json(value)


def test_arrays_that_are_no_image() -> None:
    for array in (np.zeros((2, 2, 4)), np.zeros(4), np.zeros((0, 4)), np.full((2, 2), np.nan),
                  np.full((2, 2), 1.5), np.zeros((2, 2), np.int32), np.zeros((2, 2), bool),
                  np.zeros((2, 2), complex)):  # fmt: skip
        with pytest.raises(ImageError):
            Image.from_array(array)


def test_importing_pulls_neither_pydicom_nor_pillow() -> None:
    program = (
        "import sys, safelight.imaging, safelight.imaging.preprocessing;"
        "sys.exit(any(name.split('.')[0] in ('pydicom', 'PIL', 'gdcm') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_one_door_each() -> None:
    source = Path(sys.modules["safelight.imaging"].__file__ or "").parents[1]
    deidentification = {"deidentify.py", "embedded_overlays.py", "walk.py"}
    pydicom = {"dicom.py", "jpeg2000_recoding.py", *deidentification}
    pillow = {"raster.py", "heatmap.py", "jpeg2000_round_trip.py"}
    for package, door in (("pydicom", pydicom), ("PIL", pillow)):
        pattern = re.compile(rf"^\s*(import|from) {package}\b", re.MULTILINE)
        doors = {p.name for p in source.rglob("*.py") if pattern.search(p.read_text("utf-8"))}
        assert doors == door
