"""Files to inputs: what is wrong with which of them, without their names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from safelight.circuit.outputs import Outputs
from safelight.client.inputs import load_inputs
from safelight.errors import InputError, RecordError
from safelight.models.registry import compiled_model
from safelight.wire.interface import ModelInterface

MODEL, COMPILED = compiled_model("wdbc-logistic")
SIGNATURE = COMPILED.signature
RECORD = (MODEL.folder / "held_out.csv").read_text().splitlines()[1].split(",")[:30]


def table(path: Path, *values: str) -> Path:
    path.write_text(",".join(values) + "\n")
    return path


def test_a_bad_file_among_many_is_told_by_its_number(tmp_path: Path) -> None:
    good = table(tmp_path / "good.csv", *RECORD)
    bad = table(tmp_path / "Jane Doe.csv", *RECORD[:29], "nan")
    assert len(load_inputs(SIGNATURE, [good, good])) == 2
    with pytest.raises(RecordError, match=r"^input 2 of 2: record 1 has no finite") as found:
        load_inputs(SIGNATURE, [good, bad])
    assert "Jane" not in str(found.value) + found.value.hint
    with pytest.raises(RecordError, match=r"^record 1 has no finite"):
        load_inputs(SIGNATURE, [bad])


def test_values_that_the_model_does_not_cover_are_told_by_their_record(tmp_path: Path) -> None:
    far = table(tmp_path / "Jane Doe.csv", *RECORD[:29], "1e9")
    with pytest.raises(InputError, match=r"^record 1: values beyond ±17 after") as found:
        load_inputs(SIGNATURE, [far])
    assert "Jane" not in str(found.value)


def interface_of(steps: list[dict[str, object]]) -> ModelInterface:
    """Of a model that takes 1 × 6 × 4."""
    return ModelInterface(
        "crops", "1", "Crops", (1, 6, 4), (), 8.0, {"version": 1, "steps": steps}, 1,
        Outputs(("no", "yes"), "sigmoid", "yes", 0.5),
    )  # fmt: skip


def test_a_model_of_crops_takes_crops_only(tmp_path: Path) -> None:
    crops = interface_of([{"step": "greyscale"}])
    whole = np.arange(20 * 10, dtype=np.uint8).reshape(20, 10)
    for name, pixels in (("whole.png", whole), ("crop.png", whole[5:11, 3:7])):
        PIL.Image.fromarray(pixels).save(tmp_path / name)
    ((_, crop),) = load_inputs(crops, [tmp_path / "crop.png"])
    ((_, cut),) = load_inputs(crops, [tmp_path / "whole.png"], (8, 5))
    np.testing.assert_array_equal(cut, crop)
    with pytest.raises(InputError, match=r"20 × 10 pixels where .* part of 6 × 4") as found:
        load_inputs(crops, [tmp_path / "whole.png"])
    assert "--centre" in found.value.hint
    with pytest.raises(InputError, match=r"around row 2, column 5 leave the image of 20 × 10"):
        load_inputs(crops, [tmp_path / "whole.png"], (2, 5))
    slices = PIL.Image.fromarray(whole)
    slices.save(tmp_path / "stack.tiff", save_all=True, append_images=[slices])
    with pytest.raises(InputError, match="holds 2 slices; the model takes a part of one"):
        load_inputs(crops, [tmp_path / "stack.tiff"], (8, 5))
    with pytest.raises(InputError, match="one image, not with 2"):
        load_inputs(crops, [tmp_path / "whole.png"] * 2, (8, 5))


def test_a_model_of_whole_images_takes_no_centre(tmp_path: Path) -> None:
    whole = interface_of([{"step": "resize", "height": 6, "width": 4}])
    with pytest.raises(InputError, match="not a part of one"):
        load_inputs(whole, [tmp_path / "any.png"], (8, 5))
