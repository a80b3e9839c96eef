"""``safelight evaluate`` with its report, its splits and its refusals."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from transcripts import in_process, safelight

from safelight.models.registry import SHIPPED

RECORD = "wdbc-logistic"


def test_a_report_beside_the_same_json(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "report"
    done = safelight("evaluate", RECORD, "--encrypted", "70", "--report", folder, "--json")
    found = done.document("evaluate")
    assert json.loads((folder / "results.json").read_text("utf-8")) == found
    page = (folder / "index.html").read_text("utf-8")
    assert "evaluate wdbc-logistic --encrypted 70 --report DIR" in page
    assert str(tmp_path) not in page
    assert {path.suffix for path in folder.iterdir()} == {".html", ".json", ".png"}
    clear, encrypted = (found["measures"][key] for key in ("clear_on_same", "encrypted"))
    assert found["measures"]["clear"]["n"] == 114
    assert clear["n"] == encrypted["n"] == 70
    assert abs(clear["auc"]["value"] - encrypted["auc"]["value"]) <= 0.001
    assert clear["confusion"] == encrypted["confusion"]
    assert sum(found["differences"]["counts"]) == 70
    assert found["splits"][-1]["split"] in ("held-out", "test")
    assert found["measures"]["clear"]["accuracy"]["value"] == found["clear"]["accuracy"]


def test_calibration_of_an_own_folder_needs_validation_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no val split" in in_process(capsys, "evaluate", RECORD, "--calibrate").refusal()
    folder = tmp_path / "mine"
    shutil.copytree(SHIPPED / RECORD, folder)
    before = (folder / "model.json").read_bytes()
    assert in_process(capsys, "evaluate", folder, "--calibrate").code == 1
    assert (folder / "model.json").read_bytes() == before


def _npz(path: Path, classes: int) -> Path:
    generator = np.random.default_rng(1)
    arrays = {}
    for split, count in (("train", 20), ("val", 10), ("test", 10)):
        shape = (count, 28, 28)
        arrays[f"{split}_images"] = generator.integers(0, 255, shape).astype(np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count) % classes)[:, None].astype(np.uint8)
    np.savez(path, **arrays)
    return path


def test_data_that_do_not_fit_the_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = "cxr-pneumonia-28-fast"
    three = _npz(tmp_path / "three.npz", 3)
    told = in_process(capsys, "evaluate", model, "--dataset", three).refusal(str(tmp_path))
    assert "3 classes" in told
    images = _npz(tmp_path / "two.npz", 2)
    told = in_process(capsys, "evaluate", RECORD, "--dataset", images).refusal()
    assert told
    (tmp_path / "empty").mkdir()
    told = in_process(capsys, "evaluate", model, "--dataset", tmp_path / "empty").refusal()
    assert "not laid out" in told
    told = in_process(capsys, "evaluate", model, "--dataset", tmp_path / "none.npz").refusal()
    assert "no such data set" in told


def test_validation_without_a_look_at_the_test_split(tmp_path: Path) -> None:
    images = _npz(tmp_path / "own.npz", 2)
    found = safelight(
        "evaluate", "cxr-pneumonia-28-fast", "--dataset", images, "--split", "val",
        "--encrypted", "2", "--json",
    ).document("evaluate")  # fmt: skip
    assert found["dataset"] == "own/val"
    assert [row["split"] for row in found["splits"]] == ["train", "val"]
    assert found["agreement"] == 1.0
