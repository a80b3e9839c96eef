"""Lung nodules: Hounsfield units from any scanner, five folds by patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.models.datasets import lidc
from safelight.models.datasets.leakage import leakage


def test_hounsfield_units() -> None:
    plain = np.full((5, 4, 4), 200, np.int16)
    plain[1] = -900  # TOSHIBA: in HU already
    plain[2] = -850  # GE: in HU already, by its values
    plain[3, 0] = -2000  # GE's padding
    plain[4] = 10
    makers = np.array(["SIEMENS", "TOSHIBA", "GE", "GE", "Philips"])
    found = lidc.hounsfield(plain, makers)
    assert found[:, 3, 3].tolist() == [-824, -900, -850, -824, -1014]
    assert found[3, 0].tolist() == [lidc.AIR_HU] * 4


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        lidc.load(tmp_path)
    np.savez(
        tmp_path / "nodules71.npz", images=np.zeros((2, 71, 71), np.int16),
        patient=np.array(["a", "b"]), malignancy=np.array([1, 5], np.uint8),
    )  # fmt: skip
    with pytest.raises(InputError, match="manufacturer"):
        lidc.load(tmp_path)
    (tmp_path / "nodules71.csv").write_text("manufacturer\nSIEMENS\nGE\n")
    with pytest.raises(InputError, match="71 pixels, fewer than 72"):
        lidc.load(tmp_path, size=72)
    assert lidc.load(tmp_path, size=5).labels.tolist() == [0, 1]
    with pytest.raises(InputError, match="no fold 5"):
        lidc.fold(lidc.load(tmp_path), 5)


@pytest.mark.data
def test_the_real_nodules(data_dir: Path) -> None:
    nodules = lidc.load(data_dir / "lidc-nodules")
    assert nodules.inputs.shape == (1488, 48, 48)
    assert int(nodules.labels.sum()) == 591
    # lung around every nodule: no crop is left 1024 too high or too low
    medians = np.median(nodules.inputs.reshape(len(nodules), -1), axis=1)
    assert -1000 < np.quantile(medians, 0.05) < np.quantile(medians, 0.5) < -400
    tested = 0
    for number in range(lidc.FOLDS):
        data = lidc.fold(nodules, number)
        assert leakage(data).clean
        tested += len(data.test)
    assert tested == 1488
