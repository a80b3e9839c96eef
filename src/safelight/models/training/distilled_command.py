"""The command that trains a shipped image model and, asked to, reads the test split, once."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from safelight.models.training.distilled_model import DistilledModel, fold_folder, train_fold
from safelight.models.training.distilled_report import write_report
from safelight.models.training.terminal import say


def main(model: DistilledModel, arguments: list[str] | None = None) -> None:
    """Trains all folds and, with ``--report``, evaluates what was selected."""
    parser = argparse.ArgumentParser(description=f"Train {model.name}.")
    parser.add_argument("--out", type=Path, required=True, help="folder for everything made")
    parser.add_argument("--data", type=Path, help="the data set; else found below $SAFELIGHT_DATA")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(model.seeds))
    parser.add_argument("--epochs", type=int, default=model.recipe.epochs, help="of each student")
    parser.add_argument("--threads", type=int, default=1, help="more are faster, less reproducible")
    parser.add_argument(
        "--report",
        action="store_true",
        help="after training read the test split and write evaluation.json and card.md",
    )
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    model = replace(
        model,
        seeds=tuple(options.seeds),
        recipe=replace(model.recipe, epochs=options.epochs),
    )
    datasets = [model.data(options.data, fold) for fold in range(model.folds)]
    for fold, dataset in enumerate(datasets):
        if model.folds > 1:
            say(f"fold {fold + 1} of {model.folds}")
        train_fold(model, dataset, fold_folder(options.out, fold))
    if options.report:
        folder = write_report(model, datasets, options.out)
        say(f"{folder} has the model; now run safelight compile {folder} --record")
