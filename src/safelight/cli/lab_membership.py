"""``safelight lab membership [MODEL] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.cli.console import print_json, watcher
from safelight.client.report import check_report_folder
from safelight.lab.membership_page import write_membership_page
from safelight.lab.membership_run import MembershipRow, membership_rows
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28", help="name; see `safelight models`"
    )
    parser.add_argument("--seed", type=int, default=0, help="of every choice and training")
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page and results.json")
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Attacks and reports."""
    if arguments.report is not None:
        check_report_folder(arguments.report)
    model = load_model(arguments.model)
    with watcher() as watch:
        rows = list(membership_rows(model, seed=arguments.seed, progress=watch))
    if arguments.report is not None:
        command = f"safelight lab membership {model.name} --seed {arguments.seed} --report DIR"
        page = write_membership_page(
            arguments.report, rows, model=model.name, command=command, seed=arguments.seed
        )
    if arguments.json:
        document = [row.to_json() for row in rows]
        print_json({"model": model.name, "seed": arguments.seed, "rows": document})
        return 0
    sys.stdout.write("".join(map(_line, rows)))
    if arguments.report is not None:
        sys.stdout.write(f"report: {page}\n")
    return 0


def _line(row: MembershipRow) -> str:
    s = row.success
    return (
        f"{row.target:52} {row.sees:26} {row.attack:20} AUC {s.auc:.3f} "
        f"({s.auc_low:.3f}-{s.auc_high:.3f})  TPR at 1 % FPR {s.true_positive_rates[0]:.3f}\n"
    )
