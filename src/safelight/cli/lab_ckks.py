"""``safelight lab ckks [MODEL] [--evaluations N] [--seed N] [--report DIR]``."""

from __future__ import annotations

import argparse

from safelight.cli.console import watcher
from safelight.cli.lab_output import add_output_arguments, prepare_output, show
from safelight.lab.ckks_page import write_ckks_page
from safelight.lab.ckks_run import CkksChecks, check_ckks
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the part."""
    parser.add_argument(
        "model", nargs="?", default="cxr-pneumonia-28-fast", help="name; see `safelight models`"
    )
    parser.add_argument(
        "--evaluations",
        type=int,
        default=60,
        metavar="N",
        help="encrypted inferences for each start of the search for the worst error",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Checks and reports."""
    prepare_output(arguments)
    model, seed = load_model(arguments.model), arguments.seed
    with watcher() as watch:
        found = check_ckks(model, evaluations=arguments.evaluations, seed=seed, progress=watch)
    command = f"safelight lab ckks {model.name} --evaluations {arguments.evaluations} --seed {seed}"
    show(
        arguments,
        found.to_json() | {"model": model.name, "seed": seed},
        _text(found),
        lambda folder: write_ckks_page(
            folder, found, model=model.name, command=f"{command} --report DIR", seed=seed
        ),
    )
    return 0


def _text(found: CkksChecks) -> str:
    slots, timing, recovery = found.unused_slots, found.timing, found.key_recovery
    lines = [
        f"precision  {row.step:32} level {row.level}  largest value {row.largest_value:9.3g}  "
        f"largest error {row.largest_error:.1e}"
        for row in found.precision
    ]
    lines += [
        f"worst      {row.start:36} {row.random_error:.1e} -> {row.error:.1e}  "
        f"probability {row.probability_error:.1e}"
        for row in found.worst_cases
    ]
    lines += [
        f"slots      {slots.answers} answers, {slots.empty} empty, {slots.copies} copies, "
        f"{slots.others} others",
        f"timing     zeros {timing.zeros_ms:.2f} ms, extremes {timing.extremes_ms:.2f} ms, "
        f"p = {timing.p_value:.3f}",
        f"IND-CPA-D  key recovered from raw floats {100 * recovery.from_raw_floats:.1f} %, "
        f"from three decimals {100 * recovery.from_rounded:.1f} %",
    ]
    lines += [
        f"security   {row.model:28} N = {row.n:<6} log2(QP) = {row.log2_qp:6.1f} of {row.limit}"
        for row in found.security
    ]
    return "\n".join(lines) + "\n"
