"""``safelight baselines [--dataset PATH] [--models NAMES] [--minutes M] [--report DIR]``."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from safelight.cli.console import RESEARCH_ONLY, print_json, watcher
from safelight.cli.info import information
from safelight.client.baselines_page import baselines_page
from safelight.errors import InputError
from safelight.models.baselines.baseline import NAMES
from safelight.models.baselines.comparison import Row, chosen_names, compare, shipped_rows
from safelight.models.data_source import dataset_at, dataset_titled

DEFAULT_DATA = "PneumoniaMNIST (MedMNIST v2)"
DEFAULT_MINUTES = 10.0
LEVEL = "plaintext"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "--dataset", type=Path, metavar="PATH", help="a data set; PneumoniaMNIST without it"
    )
    parser.add_argument(
        "--models", metavar="NAMES", help=f"with commas, of {', '.join(NAMES)}; all without it"
    )
    parser.add_argument(
        "--minutes",
        type=_minutes,
        default=DEFAULT_MINUTES,
        metavar="M",
        help=f"for each network; {DEFAULT_MINUTES:g} by default",
    )
    parser.add_argument(
        "--epochs",
        type=_epochs,
        metavar="N",
        help="of each network, instead of what fits the minutes: repeatable on any machine",
    )
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument(
        "--save", type=Path, metavar="DIR", help="keep each fitted baseline in a folder below it"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write a page with the table, and results.json"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def _minutes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 10_000:
        raise argparse.ArgumentTypeError("give a number of minutes above 0")
    return value


def _epochs(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Fits, measures, prints."""
    names = chosen_names(arguments.models)
    for folder in (arguments.save, arguments.report):
        if folder is not None:
            _make(folder)
    if arguments.dataset is None:
        dataset = dataset_titled(DEFAULT_DATA)
    else:
        dataset = dataset_at(arguments.dataset)
    say = sys.stderr if arguments.json else sys.stdout
    say.write(f"{dataset.about.title}: {_counts(dataset)}\n{_HEAD}\n")
    rows = []
    with watcher() as watch:
        fitted = compare(
            dataset, names, minutes=arguments.minutes, epochs=arguments.epochs,
            seed=arguments.seed, save=arguments.save, watch=watch,
        )  # fmt: skip
        for found in (shipped_rows(dataset), fitted):
            for row in found:
                rows.append(row)
                say.write(_line(row))
                say.flush()
    document = {
        "dataset": dataset.name,
        "title": dataset.about.title,
        "level": LEVEL,
        "command": _command(arguments),
        "software": information(),
        "rows": [row.to_json() for row in rows],
    }
    if arguments.report is not None:
        page = arguments.report / "index.html"
        page.write_text(baselines_page(document, rows), encoding="utf-8")
        text = json.dumps(document, indent=2, allow_nan=False) + "\n"
        (arguments.report / "results.json").write_text(text, encoding="utf-8")
        say.write(f"report: {page}\n")
    say.write(f"{RESEARCH_ONLY}\n")
    if arguments.json:
        print_json(document)
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            f"the folder {folder.name!r} cannot be made ({os.strerror(exc.errno or 0)})",
            hint="give another folder",
        ) from exc


def _counts(dataset: Any) -> str:
    return ", ".join(f"{len(split)} {name}" for name, split in dataset.splits.items())


def _command(arguments: argparse.Namespace) -> str:
    """What gives the same again; a path of the person's machine is not for a page."""
    parts = ["safelight baselines"]
    parts += ["--dataset PATH"] if arguments.dataset is not None else []
    parts += [f"--models {arguments.models}"] if arguments.models else []
    parts.append(f"--minutes {arguments.minutes:g}")
    parts += [f"--epochs {arguments.epochs}"] if arguments.epochs is not None else []
    parts += [f"--seed {arguments.seed}"] if arguments.seed else []
    return " ".join(parts)


_HEAD = (
    f"{'':26}{'AUC':>7} {'(95 %)':^15} {'acc':>6} {'prec':>6} {'recall':>6} {'F1':>6} {'RMSE':>6} "
    f"{'loss':>6}  {'train acc':>9} {'loss':>6}"
)


def _line(row: Row) -> str:
    test, train = row.test, row.train
    span = "" if test.auc.low is None else f"({test.auc.low:.3f}-{test.auc.high:.3f})"
    name = row.name + (" *" if row.encrypted else "")
    return (
        f"{name:26}{_number(test.auc.value):>7} {span:^15} {_number(test.accuracy.value):>6} "
        f"{_number(test.precision):>6} {_number(test.recall):>6} {_number(test.f1):>6} "
        f"{test.rmse:>6.3f} {test.loss:>6.3f}  {_number(train.accuracy.value):>9} "
        f"{train.loss:>6.3f}\n"
    )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
