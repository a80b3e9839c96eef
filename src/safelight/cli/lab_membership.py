"""``safelight lab membership [MODEL] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.lab.membership_page import write_membership_page
from safelight.lab.membership_row import MembershipRow
from safelight.lab.membership_run import membership_rows
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28", help="name; see `safelight models`"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every choice and training")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Attacks and reports."""
    prepare_output(arguments)
    model, seed = load_model(arguments.model), arguments.seed
    with watcher() as watch:
        rows = list(membership_rows(model, seed=seed, progress=watch))
    command = f"safelight lab membership {model.name} --seed {seed} --report DIR"
    show(
        arguments,
        {"model": model.name, "seed": seed, "rows": [row.to_json() for row in rows]},
        "".join(map(_line, rows)),
        lambda folder: write_membership_page(
            folder, rows, model=model.name, command=command, seed=seed
        ),
    )
    return 0


def _line(row: MembershipRow) -> str:
    s = row.success
    rate = s.true_positive_rates[0]
    shown = "" if rate is None else f"  TPR at 1 % FPR {rate:.3f}"
    return (
        f"{row.target:52} {row.sees:26} {row.attack:24} AUC {s.auc:.3f} "
        f"({s.auc_low:.3f}-{s.auc_high:.3f}){shown}\n"
    )
