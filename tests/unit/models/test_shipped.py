"""What is shipped: complete, small, honest about itself, and as good as its card says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from safelight.circuit.outputs import probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import UnreachableError
from safelight.imaging.preprocessing import Preprocessing
from safelight.models import metrics
from safelight.models.datasets import medmnist, wdbc
from safelight.models.held_out import held_out
from safelight.models.registry import SHIPPED, load_model, model_names
from safelight.models.training.cxr_pneumonia_28_map import make_map_model

MODELS = (
    "cxr-pneumonia-28",
    "cxr-pneumonia-28-fast",
    "wdbc-logistic",
    "cxr-pneumonia-64",
    "cxr-nih-64",
    "lung-nodule-48",
    "retina-28",
)
BARS = {  # accuracy, AUC: issue 4
    "cxr-pneumonia-28": (0.915, 0.970),
    "cxr-pneumonia-28-fast": (0.905, 0.962),
    "wdbc-logistic": (0.97, 0.99),
    "retina-28": (0.535, 0.74),
    "lung-nodule-48": (0.85, 0.92),
    "cxr-pneumonia-64": (0.88, 0.96),
    "cxr-nih-64": (0.55, 0.60),
}


def test_all_are_there() -> None:
    assert set(MODELS) <= set(model_names())


@pytest.mark.parametrize("name", MODELS)
def test_complete_and_small(name: str) -> None:
    model = load_model(name)
    folder = SHIPPED / name
    assert (folder / "weights.npz").stat().st_size < 400_000
    card = model.card
    for heading in ("Intended use", "Data", "Results", "Limits", "Licence: "):
        assert heading in card
    Preprocessing.from_json(model.description["preprocessing"])
    for low, high in model.graph.ranges.values():
        assert -32 < low < high < 32


def test_the_model_with_a_map_is_what_its_command_makes(tmp_path: Path) -> None:
    made = make_map_model(SHIPPED / "cxr-pneumonia-28", tmp_path)
    for name in ("model.json", "weights.npz", "evaluation.json", "card.md"):
        assert (made / name).read_bytes() == (SHIPPED / made.name / name).read_bytes()
    command = load_model(made.name).description["training"]["command"]
    assert "cxr_pneumonia_28_map" in command
    assert command in load_model(made.name).card


@pytest.mark.parametrize("name", MODELS)
def test_the_recorded_evaluation_clears_the_bars(name: str) -> None:
    result = json.loads((SHIPPED / name / "evaluation.json").read_text())
    accuracy, auc = BARS[name]
    assert result["accuracy"] >= accuracy
    assert result["auc"] >= auc
    assert all(used < 1 for used in result["range_used"].values())
    assert f"{result['auc']:.4f}" in load_model(name).card


MOST_BELOW_TWIN = {  # AUC below that of the same network with ReLU: issue 4; 28×28 as reached
    "cxr-pneumonia-28": 0.005,
    "cxr-pneumonia-28-fast": 0.006,
    "cxr-pneumonia-64": 0.005,
    "cxr-nih-64": 0.01,
    "lung-nodule-48": 0.01,
}


@pytest.mark.parametrize("name", MOST_BELOW_TWIN)
def test_quadratics_cost_little(name: str) -> None:
    result = json.loads((SHIPPED / name / "evaluation.json").read_text())
    suffix = "_folds" if "seeds_folds" in result else ""
    ours, twin = (result[key + suffix]["auc"] for key in ("seeds", "relu_twin"))
    assert ours["mean"] >= twin["mean"] - MOST_BELOW_TWIN[name]
    assert len(result["seeds"]["auc"]["values"]) >= 3


def test_nodules_over_five_folds() -> None:
    result = json.loads((SHIPPED / "lung-nodule-48" / "evaluation.json").read_text())
    assert len(result["seeds_folds"]["auc"]["values"]) == 5
    assert result["seeds_folds"]["auc"]["mean"] >= 0.92


def test_all_weights_together_are_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.glob("*/weights.npz")) <= 5_000_000


@pytest.mark.data
@pytest.mark.skipif("SAFELIGHT_DATA" not in os.environ, reason="SAFELIGHT_DATA is not set")
@pytest.mark.parametrize(
    "name",
    [
        "retina-28",
        "lung-nodule-48",
        "cxr-nih-64",
        pytest.param("cxr-pneumonia-64", marks=pytest.mark.slow),  # reads 5,856 JPEG files
    ],
)
def test_others_are_as_recorded(name: str) -> None:
    model = load_model(name)
    try:
        data = held_out(model)
    except UnreachableError as exc:
        pytest.skip(exc.message)
    parts = np.array_split(data.inputs, len(data.inputs) // 64)
    logits = np.concatenate([evaluate(model.graph, part) for part in parts])
    chances = probabilities(model.meaning.outputs, logits)
    recorded = json.loads((SHIPPED / name / "evaluation.json").read_text())
    assert len(data.labels) == recorded["n"]
    if chances.shape[1] == 2:
        found = metrics.auc(data.labels, chances[:, 1])
        decided = chances[:, 1] >= model.meaning.outputs.threshold
    else:
        found = metrics.multiclass_auc(data.labels, chances)
        decided = chances.argmax(axis=1)
    assert found == pytest.approx(recorded["auc"], abs=1e-6)
    assert float((decided == data.labels).mean()) == pytest.approx(recorded["accuracy"])


def _chances(name: str, inputs: np.ndarray) -> np.ndarray:
    model = load_model(name)
    logits = evaluate(model.graph, inputs)[:, 0] / model.meaning.outputs.temperature
    return np.asarray(1 / (1 + np.exp(-logits)))


def test_wdbc_is_as_recorded() -> None:
    held_out, _ = wdbc.load_held_out()
    steps = Preprocessing.from_json(load_model("wdbc-logistic").description["preprocessing"])
    chances = _chances("wdbc-logistic", steps.apply_record(held_out.inputs))
    report = metrics.binary_report(held_out.labels, chances)
    recorded = json.loads((SHIPPED / "wdbc-logistic" / "evaluation.json").read_text())
    assert report.accuracy == pytest.approx(recorded["accuracy"])
    assert report.auc == pytest.approx(recorded["auc"])


@pytest.mark.data
@pytest.mark.skipif("SAFELIGHT_DATA" not in os.environ, reason="SAFELIGHT_DATA is not set")
@pytest.mark.parametrize("name", MODELS[:2])
def test_pneumonia_is_as_recorded(name: str) -> None:
    path = medmnist.find("pneumoniamnist")
    if path is None:
        pytest.skip("pneumoniamnist.npz is not in SAFELIGHT_DATA")
    split = medmnist.load(path).test
    step = load_model(name).description["preprocessing"]["steps"][-1]
    chances = _chances(name, (split.inputs[:, None] / 255 - step["mean"][0]) / step["std"][0])
    report = metrics.binary_report(split.labels, chances)
    recorded = json.loads((SHIPPED / name / "evaluation.json").read_text())
    assert report.accuracy == pytest.approx(recorded["accuracy"])
    assert report.auc == pytest.approx(recorded["auc"], abs=1e-6)


def test_using_models_does_not_import_torch_or_scikit_learn() -> None:
    code = (
        "import sys, safelight.models.registry, safelight.models.metrics\n"
        "import safelight.models.datasets.medmnist, safelight.models.datasets.wdbc\n"
        "safelight.models.datasets.wdbc.load_held_out()\n"
        "print([m for m in ('torch', 'sklearn') if m in sys.modules])\n"
    )
    source = str(Path(metrics.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
