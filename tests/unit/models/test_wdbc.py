"""The 114 held-out patients: shipped as CSV, the same as scikit-learn's split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from safelight.errors import RecordError
from safelight.models.datasets import wdbc


def test_shipped_records_need_no_scikit_learn() -> None:
    held_out, names = wdbc.load_held_out()
    assert held_out.inputs.shape == (114, 30)
    assert int(held_out.labels.sum()) == 43  # malignant
    assert names[0] == "mean radius"


def test_shipped_records_are_those_of_the_split() -> None:
    pytest.importorskip("sklearn")
    train, held_out, names = wdbc.load()
    shipped, shipped_names = wdbc.load_held_out()
    assert len(train) == 455
    assert names == shipped_names
    assert np.array_equal(held_out.inputs, shipped.inputs)
    assert np.array_equal(held_out.labels, shipped.labels)
    radius = held_out.inputs[:, 0]
    assert radius[held_out.labels == 1].mean() > radius[held_out.labels == 0].mean()


def test_write_gives_the_shipped_bytes(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    wdbc.write_held_out(tmp_path / "held_out.csv")
    shipped = Path(wdbc.__file__).parent.parent / "shipped" / "wdbc-logistic" / "held_out.csv"
    assert (tmp_path / "held_out.csv").read_bytes() == shipped.read_bytes()


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "malignant\n1\n"])
def test_refuses_another_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(RecordError):
        wdbc.load_held_out(tmp_path / "table.csv")
