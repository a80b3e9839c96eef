"""Files to inputs: what is wrong with which of them, without their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.client.inputs import load_inputs
from safelight.errors import InputError, RecordError
from safelight.models.registry import compiled_model

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
