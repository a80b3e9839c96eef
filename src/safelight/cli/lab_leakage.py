"""``safelight lab leakage [--dataset PATH] [--images N] [--report DIR]``."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.errors import InputError
from safelight.lab.leakage import Leakage, measure_leakage
from safelight.lab.leakage_page import write_leakage_page
from safelight.models.data_source import dataset_at, dataset_titled

_REFERENCE = 1000
_DEFAULT = "PneumoniaMNIST (MedMNIST v2)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "--dataset", type=Path, metavar="PATH", help="greyscale images; PneumoniaMNIST by default"
    )
    parser.add_argument("--images", type=int, default=200, metavar="N", help="of the test split")
    parser.add_argument(
        "--size", type=int, default=64, help="side in pixels, of data sets of larger images"
    )
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measures and reports."""
    prepare_output(arguments)
    data = (
        dataset_titled(_DEFAULT, size=arguments.size)
        if arguments.dataset is None
        else dataset_at(arguments.dataset, size=arguments.size)
    )
    images, reference = data.test.inputs[: arguments.images], data.train.inputs[:_REFERENCE]
    if images.dtype != np.uint8 or images.ndim != 3:
        raise InputError(
            f"{data.name} holds {images.dtype} arrays of {images.ndim - 1} axes, not grey images",
            hint="give greyscale 8-bit images",
        )
    with watcher() as watch:
        found = measure_leakage(
            images, reference, progress=lambda what, done, total: watch("leakage", done, total)
        )
    command = f"safelight lab leakage --images {len(images)} --report DIR"
    show(
        arguments,
        found.to_json() | {"dataset": data.name},
        _table(found),
        lambda folder: write_leakage_page(folder, found, dataset=data.name, command=command),
    )
    return 0


def _table(found: Leakage) -> str:
    lines = [f"{'representation':26} {'SSIM':>7} {'hash bits':>9} {'entropy':>8} {'NIST':>6}"]
    lines += [
        f"{row.representation:26} {row.ssim:7.4f} {row.hash_distance:9.1f} "
        f"{row.entropy_bits:8.3f} {row.nist_passed:6.3f}"
        for row in found.rows
    ]
    lines += ["", f"{'attack on obfuscated':26} {'SSIM':>7} {'recovered':>9}  knows"]
    lines += [
        f"{row.attack:26} {row.ssim:7.3f} {100 * row.recovered:7.0f} %  {row.knows}"
        for row in found.attacks
    ]
    return "\n".join(lines) + "\n"
