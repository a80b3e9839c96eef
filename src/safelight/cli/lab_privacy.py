"""``safelight lab privacy [--epsilons A,B] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.errors import InputError
from safelight.lab.privacy import EPSILONS, PrivacyRow, privacy_rows
from safelight.lab.privacy_page import write_privacy_page


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "--epsilons",
        metavar="A,B",
        default=",".join(f"{epsilon:g}" for epsilon in EPSILONS),
        help="budgets, by comma",
    )
    parser.add_argument("--seed", type=int, default=0, help="of every choice and training")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Trains, attacks and reports."""
    epsilons = _numbers(arguments.epsilons)
    prepare_output(arguments)
    with watcher() as watch:
        rows = list(privacy_rows(epsilons=epsilons, seed=arguments.seed, progress=watch))
    document = {
        "dataset": "PneumoniaMNIST (MedMNIST v2)",
        "seed": arguments.seed,
        "rows": [row.to_json() for row in rows],
    }
    command = (
        f"safelight lab privacy --epsilons {','.join(f'{e:g}' for e in epsilons)} "
        f"--seed {arguments.seed} --report DIR"
    )
    show(
        arguments,
        document,
        "".join(map(_line, rows)),
        lambda folder: write_privacy_page(folder, rows, document=document, command=command),
    )
    return 0


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part)
    except ValueError as exc:
        raise InputError(f"{text!r} is not a list of numbers", hint="such as 8,3,1") from exc


def _line(row: PrivacyRow) -> str:
    s = row.success
    epsilon = "none" if row.epsilon is None else f"{row.epsilon:g}"
    rate = s.true_positive_rates[0]
    shown = "" if rate is None else f"  TPR at 1 % {rate:.3f}"
    return (
        f"{row.training:40} epsilon {epsilon:5} accuracy {row.accuracy:.3f}  "
        f"LiRA AUC {s.auc:.3f} ({s.auc_low:.3f} to {s.auc_high:.3f}){shown}\n"
    )
