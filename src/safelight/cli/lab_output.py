"""What all parts of ``safelight lab`` share: --report, --json, a table otherwise."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safelight.cli.console import print_json
from safelight.client.report import check_report_folder
from safelight.models.data_source import dataset_at, dataset_titled
from safelight.models.datasets.dataset import Dataset

_DEFAULT = "PneumoniaMNIST (MedMNIST v2)"


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """--report and --json."""
    parser.add_argument("--report", type=Path, metavar="DIR", help="write a page and results.json")
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def add_dataset_argument(parser: argparse.ArgumentParser, *, size: int) -> None:
    """--dataset and --size."""
    parser.add_argument(
        "--dataset", type=Path, metavar="PATH", help="greyscale images; PneumoniaMNIST by default"
    )
    parser.add_argument(
        "--size", type=int, default=size, help="side in pixels, of data sets of larger images"
    )


def dataset_of(arguments: argparse.Namespace) -> Dataset:
    """The data set that the arguments name."""
    if arguments.dataset is None:
        return dataset_titled(_DEFAULT, size=arguments.size)
    return dataset_at(arguments.dataset, size=arguments.size)


def dataset_options(arguments: argparse.Namespace) -> str:
    """The same choice as options of a command; PATH stands for where the data lie."""
    if arguments.dataset is None:
        return ""
    return f" --dataset PATH/{arguments.dataset.resolve().name} --size {arguments.size}"


def prepare_output(arguments: argparse.Namespace) -> None:
    """Makes the report's folder before anything long begins."""
    if arguments.report is not None:
        check_report_folder(arguments.report)


def show(
    arguments: argparse.Namespace,
    document: Mapping[str, Any],
    text: str,
    write_page: Callable[[Path], Path],
) -> None:
    """Writes the report where asked for, and prints the document or the text.

    Args:
        arguments: With those of `add_output_arguments`.
        document: For --json.
        text: For people.
        write_page: Writes the report into a folder and returns the page's path.
    """
    page = write_page(arguments.report) if arguments.report is not None else None
    if arguments.json:
        print_json(document)
        return
    sys.stdout.write(text)
    if page is not None:
        sys.stdout.write(f"report: {page}\n")
