"""``safelight evaluate MODEL [--encrypted N|all]``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from safelight.cli.connection import add_connection_arguments, open_client
from safelight.cli.console import byte_count, milliseconds, print_json, watcher
from safelight.client.evaluation import Evaluation, Scores, evaluate_model
from safelight.models.held_out import held_out
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", help="name; see `safelight models`")
    parser.add_argument(
        "--encrypted",
        type=_count,
        default=50,
        metavar="N",
        help="how many inputs to evaluate encrypted, spread over the test set; or `all`",
    )
    parser.add_argument("--dataset", type=Path, metavar="FILE", help="instead of the official one")
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    add_connection_arguments(parser)


def _count(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on, or `all`")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Evaluates a model."""
    model = load_model(arguments.model)
    data = held_out(model, arguments.dataset)
    with watcher() as watch, open_client(arguments, (arguments.model,), watch) as client:
        found = evaluate_model(client, model, data, arguments.encrypted, watch)
    if arguments.json:
        print_json(asdict(found))
    else:
        sys.stdout.write(table(found))
    return 0


def table(found: Evaluation) -> str:
    """The figures for people."""
    times, sizes = found.timings_ms, found.bytes
    primes = ", ".join(map(str, found.parameters["prime_bits"]))
    example = found.example
    rows = [
        ("data", f"{found.dataset}"),
        ("protection", f"{found.level}, N = {found.parameters['n']}, primes [{primes}] bits"),
        ("clear", _scores(found.clear)),
        ("encrypted", _scores(found.encrypted)),
        (
            "agreement",
            f"{100 * found.agreement:.1f} %, largest probability difference "
            f"{found.max_probability_difference:.1e}",
        ),
        ("keys", f"{milliseconds(times['keygen'])} to make, {byte_count(sizes['keys'])} once"),
        (
            "a request",
            f"encrypt {milliseconds(times['encrypt'])}, upload {milliseconds(times['upload'])} "
            f"({byte_count(sizes['up'])}), evaluate {milliseconds(times['evaluate'])}, "
            f"download {milliseconds(times['download'])} ({byte_count(sizes['down'])}), "
            f"decrypt {milliseconds(times['decrypt'])}",
        ),
        (
            "batch",
            f"{found.requests} requests of up to {found.records_per_ciphertext} inputs each",
        ),
        (
            "example",
            f"input {example['index']}: {example['finding']}, probability "
            f"{example['encrypted_probability']:.3f} encrypted, "
            f"{example['clear_probability']:.3f} clear; truth: {example['truth']}",
        ),
    ]
    lines = [f"  {name:11} {text}\n" for name, text in rows]
    return f"{found.model}\n{''.join(lines)}"


def _scores(scores: Scores) -> str:
    area = "–" if scores.auc is None else f"{scores.auc:.4f}"
    return f"accuracy {scores.accuracy:.4f}, AUC {area} over {scores.n}"
