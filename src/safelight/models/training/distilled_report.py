"""Reads the test split, once, for a shipped image model: ``evaluation.json`` and ``card.md``.

Nothing here feeds back into training. The selected network is evaluated by the definition in
NumPy, from the files that are shipped; the other seeds and the ReLU twins by PyTorch.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from safelight.circuit.outputs import probabilities
from safelight.circuit.reference import evaluate_all
from safelight.models import metrics
from safelight.models.datasets.dataset import Dataset
from safelight.models.held_out import HeldOut, held_out_of
from safelight.models.registry import TrainedModel, load_model_folder
from safelight.models.training.architectures import Network
from safelight.models.training.distilled_card import write_distilled_card
from safelight.models.training.distilled_model import DistilledModel, fold_folder, relu_twin

FloatArray = NDArray[np.float64]


def write_report(model: DistilledModel, datasets: Sequence[Dataset], out: Path) -> Path:
    """Evaluates every fold, writes the shipped folder ``<out>/<name>`` and returns it.

    Args:
        model: As it was trained.
        datasets: One a fold.
        out: Where `train_fold` has put everything.
    """
    folder = out / model.name
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("model.json", "weights.npz"):
        shutil.copy(fold_folder(out, 0) / "selected" / name, folder / name)
    trained = load_model_folder(folder)
    result = evaluate_selected(trained, held_out_of(trained, datasets[0], "test"))
    quadratic: list[dict[str, list[float]]] = []
    relu: list[dict[str, list[float]]] = []
    for fold, dataset in enumerate(datasets):
        place = fold_folder(out, fold)
        test = held_out_of(load_model_folder(place / "selected"), dataset, "test")
        quadratic.append(_scores(trained, [_student(model, place, s) for s in model.seeds], test))
        relu.append(_scores(trained, [relu_twin(model, place, s) for s in model.seeds], test))
    for key, found in (("seeds", quadratic), ("relu_twin", relu)):
        result[key] = {measure: _spread(found[0][measure]) for measure in ("auc", "accuracy")}
        if model.folds > 1:
            result[f"{key}_folds"] = {
                measure: _spread([float(np.mean(fold[measure])) for fold in found])
                for measure in ("auc", "accuracy")
            }
    text = json.dumps(result, indent=2) + "\n"
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    write_distilled_card(folder, model.words, trained.description, result)
    return folder


def evaluate_selected(model: TrainedModel, test: HeldOut) -> dict[str, Any]:
    """All measures of one model, with bootstrap intervals and how far its ranges were used."""
    parts = np.array_split(test.inputs, max(1, len(test.inputs) // 64))
    values = [evaluate_all(model.graph, part) for part in parts]
    output = model.graph.layers[-1].name
    logits = np.concatenate([part[output].reshape(len(part[output]), -1) for part in values])
    chances = probabilities(model.meaning.outputs, logits)
    reads = {layer.name: layer.inputs[0] for layer in model.graph.layers}
    used = {}
    for name, (low, high) in model.graph.ranges.items():
        middle, half = (low + high) / 2, (high - low) / 2
        reach = max(float(np.abs(part[reads[name]] - middle).max()) for part in values)
        used[name] = round(reach / half, 3)
    extra = {
        "logit_range": [float(logits.min()), float(logits.max())],
        "range_used": used,
    }
    if len(model.meaning.outputs.classes) == 2:
        return _binary(model, test.labels, chances) | extra
    return _graded(test.labels, chances) | extra


def _binary(model: TrainedModel, labels: metrics.Labels, chances: FloatArray) -> dict[str, Any]:
    outputs = model.meaning.outputs
    positive = outputs.classes.index(outputs.positive)
    truth, chance = (labels == positive).astype(np.int64), chances[:, positive]

    def accuracy(truth: metrics.Labels, chance: metrics.Scores) -> float:
        return float(np.mean((chance >= outputs.threshold) == (truth == 1)))

    return metrics.binary_report(truth, chance, threshold=outputs.threshold).to_json() | {
        "auc_interval": metrics.bootstrap_interval(metrics.auc, truth, chance),
        "accuracy_interval": metrics.bootstrap_interval(accuracy, truth, chance),
    }


def _graded(labels: metrics.Labels, chances: FloatArray, draws: int = 2000) -> dict[str, Any]:
    """Of several classes; intervals from resamples that keep the number of each class."""
    generator = np.random.default_rng(0)
    classes = chances.shape[1]
    groups = [np.flatnonzero(labels == k) for k in range(classes)]
    resampled = np.empty((draws, 2))
    for draw in range(draws):
        chosen = np.concatenate([generator.choice(group, len(group)) for group in groups])
        resampled[draw] = _auc_and_accuracy(labels[chosen], chances[chosen])
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0)
    auc, accuracy = _auc_and_accuracy(labels, chances)
    decided = chances.argmax(axis=1)
    table = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(table, (labels, decided), 1)
    truth = np.eye(classes)[labels]
    return {
        "n": len(labels),
        "accuracy": accuracy,
        "auc": auc,
        "auc_of_each": [
            metrics.auc((labels == k).astype(int), chances[:, k]) for k in range(classes)
        ],
        "mean_grade_error": float(np.abs(labels - decided).mean()),
        "rmse": float(np.sqrt(np.mean((chances - truth) ** 2))),
        "log_loss": float(-np.mean(np.log((chances * truth).sum(axis=1) + 1e-12))),
        "confusion": table.tolist(),
        "auc_interval": [float(low[0]), float(high[0])],
        "accuracy_interval": [float(low[1]), float(high[1])],
    }


def _auc_and_accuracy(labels: metrics.Labels, chances: FloatArray) -> tuple[float, float]:
    auc = metrics.multiclass_auc(labels, chances)
    return auc, float((chances.argmax(axis=1) == labels).mean())


def _student(model: DistilledModel, folder: Path, seed: int) -> nn.Module:
    network = Network(model.architecture)
    network.load_state_dict(torch.load(folder / f"quadratic-{seed}.pt", weights_only=True))
    return network.eval()


def _scores(
    model: TrainedModel, networks: Sequence[nn.Module], test: HeldOut
) -> dict[str, list[float]]:
    """AUC and accuracy of each network, without temperature: neither depends on it."""
    outputs = model.meaning.outputs
    found: dict[str, list[float]] = {"auc": [], "accuracy": []}
    inputs = torch.from_numpy(test.inputs).float()
    for network in networks:
        with torch.no_grad():
            logits = torch.cat([network(part) for part in inputs.split(256)]).double().numpy()
        chances = probabilities(outputs, logits)
        if len(outputs.classes) == 2:
            positive = outputs.classes.index(outputs.positive)
            truth = (test.labels == positive).astype(np.int64)
            found["auc"].append(metrics.auc(truth, chances[:, positive]))
            right = (chances[:, positive] >= outputs.threshold) == (truth == 1)
            found["accuracy"].append(float(right.mean()))
        else:
            auc, accuracy = _auc_and_accuracy(test.labels, chances)
            found["auc"].append(auc)
            found["accuracy"].append(accuracy)
    return found


def _spread(values: list[float]) -> dict[str, Any]:
    return {"values": values, "mean": float(np.mean(values)), "std": float(np.std(values))}
