"""``safelight lab masked [--dataset PATH] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from safelight.cli.console import watcher
from safelight.cli.lab_output import (
    add_dataset_argument,
    add_output_arguments,
    dataset_of,
    dataset_options,
    prepare_output,
    show,
)
from safelight.lab.masked_page import write_masked_page
from safelight.lab.masked_run import masked_rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    add_dataset_argument(parser, size=48)
    parser.add_argument("--seed", type=int, default=0, help="of training")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains and reports."""
    prepare_output(arguments)
    data, seed = dataset_of(arguments), arguments.seed
    with watcher() as watch:
        rows = list(masked_rows(data, seed=seed, progress=watch))
    document = {"dataset": data.name, "seed": seed, "rows": [asdict(row) for row in rows]}
    command = f"safelight lab masked{dataset_options(arguments)} --seed {seed} --report DIR"
    lines = (
        f"{row.representation:36} AUC {row.auc:.3f} ({row.auc_low:.3f}-{row.auc_high:.3f})  "
        f"accuracy {row.accuracy:.3f}\n"
        for row in rows
    )

    def write(folder: Path) -> Path:
        return write_masked_page(folder, rows, dataset=data.name, command=command, seed=seed)

    show(arguments, document, "".join(lines), write)
    return 0
