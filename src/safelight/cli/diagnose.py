"""``safelight diagnose PATH… --model NAME``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.cli.connection import add_connection_arguments, open_client
from safelight.cli.console import RESEARCH_ONLY, milliseconds, print_json, watcher
from safelight.client.diagnosis import LEVEL, Diagnosis


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="images, or tables")
    parser.add_argument("--model", required=True, help="name; see `safelight models`")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    add_connection_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses every input."""
    with watcher() as watch, open_client(arguments, (arguments.model,), watch) as client:
        found = list(client.diagnose(arguments.model, arguments.paths))
    if arguments.json:
        print_json({"level": LEVEL, "diagnoses": [diagnosis.to_json() for diagnosis in found]})
        return 0
    for diagnosis in found:
        sys.stdout.write(_lines(diagnosis))
    sys.stdout.write(f"{RESEARCH_ONLY}\n")
    return 0


def _lines(diagnosis: Diagnosis) -> str:
    timings = ", ".join(f"{k} {milliseconds(v)}" for k, v in diagnosis.timings_ms.items())
    return (
        f"{diagnosis.source}\n"
        f"  finding      {diagnosis.finding}\n"
        f"  probability  {diagnosis.probability:.3f} of {diagnosis.positive} "
        f"(operating point {diagnosis.threshold:.3f})\n"
        f"  model        {diagnosis.model} {diagnosis.version}\n"
        f"  protection   {diagnosis.level}, parameters {diagnosis.parameters_digest[:16]}…\n"
        f"  timings      {timings}\n"
        f"  receipt      signed by {diagnosis.receipt.service_key[:16]}…, "
        f"result {diagnosis.receipt.result_digest[:16]}…\n"
    )
