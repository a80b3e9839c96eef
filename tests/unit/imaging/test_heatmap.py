"""Heatmaps: coarse, on the right place, the right way round, without names of files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Picture

from safelight.circuit.outputs import Outputs
from safelight.circuit.signature import Signature
from safelight.client.diagnosis import diagnoses
from safelight.client.heatmaps import check_has_maps, heatmap_of, seen_part, write_heatmap
from safelight.client.receipt import Receipt
from safelight.errors import InputError
from safelight.imaging.heatmap import LEAST_FULL_SCALE, STEPS, coarse, overlay
from safelight.models.registry import compiled_model

PLAIN = compiled_model("wdbc-logistic")[1].signature
RECEIPT = Receipt(
    "job", "key", "request", "model", "program", "parameters", "keys", "result", 0, "level", "", ""
)


def signature(outputs: Outputs, *steps: dict[str, Any]) -> Signature:
    """With these outputs and steps; it is not asked to decrypt anything."""
    return dataclasses.replace(
        PLAIN, outputs=outputs, preprocessing={"version": 1, "steps": list(steps)}
    )


BINARY = Outputs(("normal", "pneumonia"), "sigmoid", "pneumonia", 0.5, 2.0, (2, 2))


def test_levels_are_few_and_the_scale_is_short() -> None:
    evidence = np.random.default_rng(1).normal(0, 9, (7, 7))
    found = coarse("pneumonia", evidence)
    assert found.levels.dtype == np.int64
    assert np.abs(found.levels).max() == STEPS
    assert len(f"{found.full_scale:g}".replace(".", "").strip("0")) <= 2
    assert np.abs(found.levels / STEPS * found.full_scale - evidence).max() < (
        0.6 * found.full_scale / STEPS + 0.05 * found.full_scale
    )


def test_faint_maps_stay_faint() -> None:
    found = coarse("pneumonia", np.full((2, 2), 0.1))
    assert found.full_scale == LEAST_FULL_SCALE
    assert not found.levels.any()


def test_which_map_is_shown() -> None:
    maps = np.array([[[8.0, 0], [0, -8.0]], [[0, 0], [0, 0.0]]])
    binary = heatmap_of(signature(BINARY), maps[:1], np.array([0.9, 0.1]))
    assert binary.finding == "pneumonia"  # the positive one, whatever was decided
    assert binary.full_scale == 4.0  # 8 divided by the temperature
    assert binary.levels.tolist() == [[STEPS, 0], [0, -STEPS]]
    grades = Outputs(("a", "b"), "softmax", "a", 0.5, 1.0, (2, 2))
    assert heatmap_of(signature(grades), maps, np.array([0.2, 0.8])).levels[0, 0] == STEPS
    three = Outputs(("a", "b", "c"), "softmax", "a", 0.5, 1.0, (2, 2))
    more = np.concatenate([maps, np.zeros((1, 2, 2))])
    second = heatmap_of(signature(three), more, np.array([0.2, 0.7, 0.1]))
    assert second.finding == "b"
    assert second.levels[0, 0] < 0  # what speaks for another class speaks against this
    several = Outputs(("a", "b"), "sigmoid_each", "a", 0.5, 1.0, (2, 2))
    assert heatmap_of(signature(several), maps, np.array([0.9, 0.3])).finding == "a"


def test_colours_are_where_the_evidence_is() -> None:
    evidence = np.zeros((2, 2))
    evidence[0, 1], evidence[1, 0] = 8.0, -8.0
    sheet = np.asarray(overlay(np.full((1, 60, 60), 0.5), coarse("x", evidence), ("a", "b")))
    side, gap = 448, 20
    over = sheet[gap : gap + side, 2 * gap + side : 2 * gap + 2 * side].astype(int)
    top_right, bottom_left = over[60, -60], over[-60, 60]
    assert top_right[0] > top_right[2] + 60  # vermilion: for
    assert bottom_left[2] > bottom_left[0] + 60  # blue: against
    plain = sheet[gap : gap + side, gap : gap + side]
    assert (np.abs(plain.astype(int) - 128) <= 1).all()


@pytest.mark.parametrize("shape", [(1, 90, 60), (3, 33, 80), (1, 1, 1)])
def test_any_shape_of_image(shape: tuple[int, int, int]) -> None:
    sheet = overlay(np.zeros(shape), coarse("x", np.ones((3, 5)) * 9), ("caption",))
    assert sheet.mode == "RGB"


@pytest.mark.parametrize("crop_first", [True, False])
def test_the_part_that_the_model_saw(tmp_path: Path, crop_first: bool) -> None:
    pixels = np.zeros((40, 60), dtype=np.uint8)
    pixels[:, 10:50] = 200  # the middle square
    Picture.fromarray(pixels).save(tmp_path / "a.png")
    crop, size = {"step": "center_crop_square"}, {"step": "resize", "height": 28, "width": 32}
    steps = [{"step": "greyscale"}, *((crop, size) if crop_first else (size, crop)),
             {"step": "normalize", "mean": [0.5], "std": [0.2]}]  # fmt: skip
    view = seen_part(signature(BINARY, *steps), tmp_path / "a.png")
    assert view.shape == ((1, 40, 40) if crop_first else (1, 28, 28))
    assert view.min() >= 0
    assert view.max() <= 1
    if crop_first:
        assert np.allclose(view, 200 / 255)


def test_pictures_are_numbered_not_named(tmp_path: Path) -> None:
    Picture.fromarray(np.zeros((30, 30), dtype=np.uint8)).save(tmp_path / "Doe^Jane.png")
    meaning = signature(BINARY, {"step": "greyscale"})
    found = diagnoses(
        meaning, [str(tmp_path / "Doe^Jane.png")], np.array([[0.1, 0.9]]), {}, RECEIPT
    )[0]
    heatmap = heatmap_of(meaning, np.full((1, 2, 2), 3.0), np.array([0.1, 0.9]))
    path = write_heatmap(tmp_path, 7, meaning, found, heatmap)
    assert path.name == "heatmap-007.png"
    assert b"Doe" not in path.read_bytes()


def test_a_model_without_maps_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(InputError, match="no class-activation map"):
        check_has_maps(PLAIN)
