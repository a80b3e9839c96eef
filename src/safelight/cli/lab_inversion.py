"""``safelight lab inversion [MODEL] [--records N] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.lab.inversion_page import write_inversion_page
from safelight.lab.inversion_run import invert
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28", help="name; see `safelight models`"
    )
    parser.add_argument("--records", type=int, default=40, metavar="N", help="to attack")
    parser.add_argument("--seed", type=int, default=0, help="of every choice")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Attacks and reports."""
    prepare_output(arguments)
    model, seed = load_model(arguments.model), arguments.seed
    with watcher() as watch:
        found = invert(model, records=arguments.records, seed=seed, progress=watch)
    command = f"safelight lab inversion {model.name} --records {arguments.records} --seed {seed}"
    lines = (
        f"{row.attack:28} {row.sees:34} SSIM {row.ssim:.3f} ({row.ssim_low:.3f}-"
        f"{row.ssim_high:.3f})  told apart {row.reidentified:.2f}\n"
        for row in found.rows
    )
    show(
        arguments,
        found.to_json() | {"model": model.name, "seed": seed},
        "".join(lines),
        lambda folder: write_inversion_page(
            folder, found, model=model.name, command=f"{command} --report DIR", seed=seed
        ),
    )
    return 0
