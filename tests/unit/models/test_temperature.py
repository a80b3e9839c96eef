"""A model's folder is calibrated on validation data only, and decisions stay as they are."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from safelight.circuit.outputs import Outputs, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import InputError
from safelight.models.held_out import HeldOut
from safelight.models.registry import SHIPPED, load_model, load_model_folder
from safelight.models.temperature import calibrate_folder, fit


def validation(split: str = "val") -> HeldOut:
    """Inputs whose labels are less certain than the model thinks."""
    generator = np.random.default_rng(5)
    inputs = generator.normal(size=(2000, 30))
    logits = evaluate(load_model("wdbc-logistic").graph, inputs)[:, 0]
    labels = (generator.random(2000) < 1 / (1 + np.exp(-logits / 3))).astype(np.int64)
    return HeldOut(f"invented/{split}", inputs, labels)


def test_the_folder_records_the_fit(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(SHIPPED / "wdbc-logistic", folder)
    before = load_model_folder(folder)
    after = calibrate_folder(before, validation())
    assert after.meaning.outputs.temperature == pytest.approx(3.0, rel=0.15)
    assert after.digest != before.digest
    record = json.loads((folder / "model.json").read_text("utf-8"))["calibration"]
    assert record["split"] == "invented/val"
    assert record["n"] == 2000
    assert record["loss_after"] < record["loss_before"]
    assert not list(folder.glob("*.part"))


@pytest.mark.parametrize("split", ["test", "train"])
def test_never_on_another_split(tmp_path: Path, split: str) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(SHIPPED / "wdbc-logistic", folder)
    with pytest.raises(InputError, match="validation data"):
        calibrate_folder(load_model_folder(folder), validation(split))


def test_shipped_models_are_not_changed() -> None:
    with pytest.raises(InputError, match="calibrated already"):
        calibrate_folder(load_model("wdbc-logistic"), validation())


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_decisions_stay(threshold: float) -> None:
    outputs = Outputs(("no", "yes"), "sigmoid", "yes", threshold, temperature=0.5)
    logits = np.random.default_rng(1).normal(0, 3, (500, 1))
    labels = (logits[:, 0] + np.random.default_rng(2).normal(0, 2, 500) > 0).astype(np.int64)
    found = fit(outputs, logits, labels)
    before = probabilities(outputs, logits)[:, 1] >= threshold
    after = probabilities(outputs, logits, found.temperature)[:, 1] >= found.threshold
    assert (before == after).mean() > 0.995  # the threshold has four decimals
