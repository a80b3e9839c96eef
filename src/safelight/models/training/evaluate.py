"""Reads the official test split, once, for trained models; NumPy only.

Run: ``python -m safelight.models.training.evaluate MODEL_DIR … [--seeds-of DIR] [--data PATH]``.
Nothing here feeds back into training: the figures go into ``evaluation.json`` and ``card.md``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray
from safelight.circuit.reference import evaluate_all
from safelight.imaging.preprocessing import Preprocessing
from safelight.models import metrics
from safelight.models.datasets import medmnist, wdbc
from safelight.models.registry import TrainedModel, load_model_folder
from safelight.models.training.card import write_card


def evaluate_model(
    model: TrainedModel, inputs: FloatArray, labels: NDArray[np.int64]
) -> dict[str, Any]:
    """All measures of a binary model, with bootstrap intervals and how far its ranges were used.

    Args:
        model: With one logit.
        inputs: Preprocessed, ``[n, *input_shape]``.
        labels: 0 or 1, ``[n]``.
    """
    values = [evaluate_all(model.graph, part) for part in np.array_split(inputs, 8)]
    output = model.graph.layers[-1].name
    logits = np.concatenate([part[output].reshape(-1) for part in values])
    outputs = model.meaning.outputs
    chances = 1 / (1 + np.exp(-np.clip(logits / outputs.temperature, -500, 500)))
    report = metrics.binary_report(labels, chances, threshold=outputs.threshold)
    reads = {layer.name: layer.inputs[0] for layer in model.graph.layers}
    used = {}
    for name, (low, high) in model.graph.ranges.items():
        seen = [part[reads[name]] for part in values]
        reach = max(float(np.abs(part - (low + high) / 2).max()) for part in seen)
        used[name] = round(reach / ((high - low) / 2), 3)

    def accuracy(truth: metrics.Labels, chance: metrics.Scores) -> float:
        return float(np.mean((chance >= outputs.threshold) == (truth == 1)))

    return report.to_json() | {
        "auc_interval": metrics.bootstrap_interval(metrics.auc, labels, chances),
        "accuracy_interval": metrics.bootstrap_interval(accuracy, labels, chances),
        "logit_range": [float(logits.min()), float(logits.max())],
        "range_used": used,
    }


def _test_split(model: TrainedModel, data: Path | None) -> tuple[FloatArray, NDArray[np.int64]]:
    steps = Preprocessing.from_json(model.description["preprocessing"])
    if steps.is_for_records:
        held_out, _ = wdbc.load_held_out(model.folder / "held_out.csv")
        return steps.apply_record(held_out.inputs), held_out.labels
    split = medmnist.load(data or medmnist.find_or_download("pneumoniamnist")).test
    # 28×28 grey images already: of the steps only the normalisation is left to do
    normalise = next(step for step in model.description["preprocessing"]["steps"] if "std" in step)
    mean, std = float(normalise["mean"][0]), float(normalise["std"][0])
    return (split.inputs[:, None] / 255.0 - mean) / std, split.labels


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Evaluate trained models on their test split.")
    parser.add_argument("models", type=Path, nargs="+", help="folders with model.json")
    parser.add_argument("--seeds-of", type=Path, help="folder with seed-<n>/, for the spread")
    parser.add_argument("--data", type=Path, help="pneumoniamnist.npz; else found or downloaded")
    options = parser.parse_args(arguments)
    for folder in options.models:
        model = load_model_folder(folder)
        inputs, labels = _test_split(model, options.data)
        result = evaluate_model(model, inputs, labels)
        if options.seeds_of is not None:
            seeds = [
                evaluate_model(load_model_folder(path), inputs, labels)
                for path in sorted(options.seeds_of.glob("seed-*"))
            ]
            result["seeds"] = {
                key: {
                    "values": [seed[key] for seed in seeds],
                    "mean": float(np.mean([seed[key] for seed in seeds])),
                    "std": float(np.std([seed[key] for seed in seeds])),
                }
                for key in ("auc", "accuracy")
            }
        text = json.dumps(result, indent=2) + "\n"
        (folder / "evaluation.json").write_text(text, encoding="utf-8")
        write_card(folder, model.description, result)
        print(f"{model.name}: AUC {result['auc']:.4f}, accuracy {result['accuracy']:.4f}")


if __name__ == "__main__":
    main()
