"""``safelight compile MODEL [--explain]``: the triple, and the plan behind it."""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from typing import Any

from safelight.circuit.compiler import Compiled
from safelight.circuit.explain import explain
from safelight.cli.console import print_json
from safelight.models.registry import compile_model, load_model

_MEASURED_RUNS = 5


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
    seconds = time.perf_counter() - start
    report = explain(compiled)
    report["compile_seconds"] = round(seconds, 2)
    if arguments.explain:
        measured = measured_us(compiled)
        for step, microseconds in zip(report["steps"], measured, strict=False):
            step["measured_us"] = round(microseconds, 1)
        report["measured_ms"] = sum(measured) / 1000 if measured else None
    if arguments.json:
        print_json(report)
        return 0
    steps = report.pop("steps")
    for key, value in report.items():
        sys.stdout.write(f"{key:18} {value}\n")
    if arguments.explain:
        sys.stdout.write(_step_table(steps))
    return 0


def measured_us(compiled: Compiled) -> list[float]:
    """Microseconds of each step on this machine, the least of a few runs; empty without engine.

    It makes keys and encrypts zeros, which take as long as anything else.
    """
    if importlib.util.find_spec("safelight._native") is None:
        return []
    from safelight.ckks.ciphertext import EvaluationKeys
    from safelight.ckks.secret import RELINEARIZATION, SecretKeys
    from safelight.engine.native import NativeEngine

    program = compiled.program
    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(compiled.requirements))
    relinearization = made.pop(RELINEARIZATION, None)
    engine = NativeEngine()
    keys = engine.load_keys(EvaluationKeys(program.parameters, relinearization, made))
    prepared = engine.prepare(program)
    zeros = secret.encrypt([], scale=program.input_scale, level=program.input_level)
    runs = [engine.profile(prepared, keys, zeros) for _ in range(_MEASURED_RUNS)]
    return [min(times) for times in zip(*runs, strict=True)]


def _step_table(steps: list[dict[str, Any]]) -> str:
    lines = [
        f"{'step':>4} {'operation':16} {'layer':18} {'level':>5} {'scale':>6} {'rotations':>9} "
        f"{'products':>8} {'predicted':>10} {'measured':>10}\n"
    ]
    for step in steps:
        measured = step.get("measured_us")
        lines.append(
            f"{step['index']:>4} {step['operation']:16} {step['layer'][:18]:18} "
            f"{step['level']:>5} {step['scale_log2']:>6.1f} {step['rotations']:>9} "
            f"{step['products']:>8} {step['predicted_us']:>7.0f} µs "
            + ("\n" if measured is None else f"{measured:>7.0f} µs\n")
        )
    return "".join(lines)
