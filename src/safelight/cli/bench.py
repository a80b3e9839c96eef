"""``safelight bench engine|workloads|models|service``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from typing import Any

from safelight.cli.console import byte_count, milliseconds
from safelight.cli.intermixed import allow_intermixed
from safelight.models.registry import model_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    allow_intermixed(parser)
    parser.add_argument("what", choices=("engine", "workloads", "models", "service"))
    parser.add_argument("names", nargs="*", help="only these workloads or models")
    parser.add_argument(
        "--threads",
        type=int,
        help="threads inside one inference; 1 by default, of `bench service` one a core",
    )
    parser.add_argument("--no-peer", action="store_true", help="without TenSEAL beside it")
    parser.add_argument(
        "--simd", default="", choices=("", "ifma", "avx2", "portable"), help="of `bench engine`"
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def run(arguments: argparse.Namespace) -> int:
    """Measures and prints, row by row."""
    if arguments.what == "engine":
        from safelight.lab.bench_engine import bench_engine

        rows = bench_engine(arguments.simd)
        show = _engine_line
    elif arguments.what == "service":
        from safelight.lab.bench_service import bench_service

        rows = bench_service(arguments.names or list(model_names()), arguments.threads)
        show = _service_line
    else:
        from safelight.lab.bench import bench_models, bench_workloads

        show = _network_line
        if arguments.what == "models":
            rows = bench_models(arguments.names or list(model_names()), arguments.threads or 1)
        else:
            peer = importlib.util.find_spec("tenseal") is not None and not arguments.no_peer
            rows = bench_workloads(arguments.names or None, arguments.threads or 1, tenseal=peer)
    found: list[dict[str, Any]] = []
    for row in rows:
        found.append(row)
        if not arguments.json:
            sys.stdout.write(show(row))
            sys.stdout.flush()
    if arguments.json:
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


def _engine_line(row: dict[str, Any]) -> str:
    return (
        f"{row['operation']:34} N = {row['n']:<6} {len(row['primes']):>2} primes  "
        f"ours {row['ours_us']:>9.1f} µs  SEAL {row['seal_us']:>9.1f} µs  {row['ratio']:>5.1f}×\n"
    )


def _service_line(row: dict[str, Any]) -> str:
    line = f"{row['model']:24} ready {row['ready_ms']:>6.0f} ms  "
    if row["first_answer_ms"] is not None:
        line += (
            f"first answer {row['first_answer_ms']:>6.0f} ms  later {row['answer_ms']:>6.1f} ms  "
            f"{row['answers_per_s']:>6.1f}/s  "
        )
    return line + f"peak {row['peak_memory_mb']:>5.0f} MB, now {row['memory_mb']:>5.0f} MB\n"


def _network_line(row: dict[str, Any]) -> str:
    return (
        f"{row['workload']:22} {row['system']:9} encrypt {milliseconds(row['encrypt_ms']):>8}  "
        f"evaluate {milliseconds(row['evaluate_ms']):>8}  "
        f"decrypt {milliseconds(row['decrypt_ms']):>8}  {row['throughput_per_s']:>8.1f}/s  "
        f"up {byte_count(row['bytes_up']):>7}  keys {byte_count(row['bytes_keys']):>7}  "
        f"{row['peak_memory_mb']:>5.0f} MB  error {row['max_error']:.1e}  "
        f"agreement {100 * row['agreement']:.0f} %\n"
    )
