"""``safelight lab extraction [MODEL] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.lab.extraction import extraction_rows
from safelight.lab.extraction_page import extraction_document, write_extraction_page
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28", help="name; see `safelight models`"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice of queries")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Copies and reports."""
    prepare_output(arguments)
    model, seed = load_model(arguments.model), arguments.seed
    with watcher() as watch:
        rows = list(extraction_rows(model, seed=seed, progress=watch))
    command = f"safelight lab extraction {model.name} --seed {seed} --report DIR"
    lines = (
        f"{row.answers:36} {row.queries:>5} queries  agreement {row.agreement:.3f} "
        f"({row.agreement_low:.3f} to {row.agreement_high:.3f})\n"
        for row in rows
    )
    show(
        arguments,
        extraction_document(rows, model.name, seed),
        "".join(lines),
        lambda folder: write_extraction_page(
            folder, rows, model=model.name, command=command, seed=seed
        ),
    )
    return 0
