"""``safelight compile MODEL [--explain]``: the triple, and the plan behind it."""

from __future__ import annotations

import argparse
import sys
import time

from safelight.circuit.explain import explain
from safelight.cli.console import print_json
from safelight.models.registry import compile_model, load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", help="name, or folder with model.json and weights.npz")
    parser.add_argument("--explain", action="store_true", help="every step with its cost")
    parser.add_argument("--search", action="store_true", help="ignore the recorded packing")
    parser.add_argument(
        "--record",
        action="store_true",
        help="search, and write the packing into the model's folder",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Compiles and prints."""
    model = load_model(arguments.model)
    start = time.perf_counter()
    compiled = compile_model(model, search=arguments.search or arguments.record)
    if arguments.record:
        model.record_packing(compiled.packing)
    report = explain(compiled)
    report["compile_seconds"] = round(time.perf_counter() - start, 2)
    if arguments.json:
        print_json(report)
        return 0
    if not arguments.explain:
        report.pop("steps")
    steps = report.pop("steps", [])
    for key, value in report.items():
        sys.stdout.write(f"{key:18} {value}\n")
    if steps:
        sys.stdout.write(f"{'step':>4} {'operation':18} {'layer':20} level  scale  rot  products\n")
    for step in steps:
        sys.stdout.write(
            f"{step['index']:>4} {step['operation']:18} {step['layer'][:20]:20} {step['level']:>5} "
            f"{step['scale_log2']:>6.1f} {step['rotations']:>4} {step['products']:>9}\n"
        )
    return 0
