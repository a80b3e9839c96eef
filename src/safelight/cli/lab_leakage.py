"""``safelight lab leakage [--dataset PATH] [--images N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import (
    add_dataset_argument,
    add_output_arguments,
    dataset_of,
    dataset_options,
    prepare_output,
    show,
)
from safelight.lab.leakage import Leakage, measure_leakage
from safelight.lab.leakage_page import write_leakage_page
from safelight.lab.masked_run import grey_bytes

_REFERENCE = 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    add_dataset_argument(parser, size=64)
    parser.add_argument("--images", type=int, default=200, metavar="N", help="of the test split")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of changed pixels")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measures and reports."""
    prepare_output(arguments)
    data = dataset_of(arguments)
    images = grey_bytes(data, "test")[: arguments.images]
    reference = grey_bytes(data, "train")[:_REFERENCE]
    with watcher() as watch:
        found = measure_leakage(
            images,
            reference,
            seed=arguments.seed,
            progress=lambda what, done, total: watch("leakage", done, total),
        )
    command = (
        f"safelight lab leakage{dataset_options(arguments)} --images {len(images)} "
        f"--seed {arguments.seed} --report DIR"
    )
    document = found.to_json() | {"dataset": data.name, "seed": arguments.seed}
    show(
        arguments,
        document,
        _table(found),
        lambda folder: write_leakage_page(folder, found, document=document, command=command),
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
