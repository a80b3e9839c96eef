"""The ReLU twins of both pneumonia models: what quadratics, and so encryption, cost them.

A twin has the layers, the teacher, the lessons, the recipe and the seeds of its model. Nothing is
chosen among twins.

Run: ``python -m safelight.models.training.pneumonia_twins --out DIR [--report MODEL_DIR …]``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from safelight.errors import InputError
from safelight.models import metrics
from safelight.models.datasets import medmnist
from safelight.models.datasets.split import Split
from safelight.models.registry import load_model_folder
from safelight.models.training.architectures import Network
from safelight.models.training.card import write_card
from safelight.models.training.cxr_pneumonia_28 import PLAN as ACCURATE
from safelight.models.training.cxr_pneumonia_28_fast import PLAN as FAST
from safelight.models.training.fit import images_to_tensor, predict
from safelight.models.training.pneumonia import MEAN, STD, Material, Plan, fitted, material_of
from safelight.models.training.terminal import say

PLANS = (ACCURATE, FAST)
"""Their lessons are the same, so these are drawn once."""


def train_twin(plan: Plan, material: Material, seed: int, folder: Path) -> Network:
    """The twin of one seed; one that the folder holds is not trained again."""
    path = folder / f"{plan.name}-relu-{seed}.pt"
    torch.manual_seed(seed)
    twin = Network(plan.architecture, activation="relu")
    if path.is_file():
        twin.load_state_dict(torch.load(path, weights_only=True))
    else:
        twin = fitted(twin, plan, material, seed, f"{plan.name} ReLU {seed}")
        torch.save(twin.state_dict(), path)
    val = material.dataset.val
    say(f"{plan.name} ReLU {seed}: validation AUC {_scores(twin, val)['auc']:.4f}")
    return twin


def record(folder: Path, twins: list[Network], test: Split) -> None:
    """Reads the test split and adds the twins to ``evaluation.json`` and ``card.md``.

    Args:
        folder: Of the model, evaluated.
        twins: One a seed.
        test: The test split.

    Raises:
        InputError: The folder has no evaluation.
    """
    try:
        result = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(
            "the model has no evaluation.json",
            hint="run python -m safelight.models.training.evaluate on its folder first",
        ) from exc
    scores = [_scores(twin, test) for twin in twins]
    result["relu_twin"] = {key: _spread([each[key] for each in scores]) for key in scores[0]}
    text = json.dumps(result, indent=2) + "\n"
    (folder / "evaluation.json").write_text(text, encoding="utf-8")
    write_card(folder, load_model_folder(folder).description, result)


def _scores(network: Network, split: Split) -> dict[str, float]:
    logits = predict(network, images_to_tensor(split.inputs), mean=MEAN, std=STD)
    right = (logits >= 0) == (split.labels == 1)
    return {"auc": metrics.auc(split.labels, logits), "accuracy": float(right.mean())}


def _spread(values: list[float]) -> dict[str, Any]:
    return {"values": values, "mean": float(np.mean(values)), "std": float(np.std(values))}


def main(arguments: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Train the ReLU twins of the pneumonia models.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the twins")
    parser.add_argument("--data", type=Path, help="pneumoniamnist.npz; else found or downloaded")
    parser.add_argument("--teacher", type=Path, help="folder that keeps the teacher's members")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(ACCURATE.seeds))
    parser.add_argument("--threads", type=int, default=1, help="more are faster, less reproducible")
    parser.add_argument(
        "--report",
        type=Path,
        nargs="+",
        default=[],
        metavar="MODEL_DIR",
        help="read the test split and add the twins to the evaluation and card of these models",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    options.out.mkdir(parents=True, exist_ok=True)
    assert replace(ACCURATE.recipe, epochs=0) == replace(FAST.recipe, epochs=0)
    path = options.data or medmnist.find_or_download("pneumoniamnist")
    material = material_of(ACCURATE, path, options.teacher or options.out / "teacher")
    twins = {
        plan.name: [train_twin(plan, material, seed, options.out) for seed in options.seeds]
        for plan in PLANS
    }
    for folder in options.report:
        name = load_model_folder(folder).name
        record(folder, twins[name], material.dataset.test)
        say(f"{folder} has its twins")


if __name__ == "__main__":
    main()
