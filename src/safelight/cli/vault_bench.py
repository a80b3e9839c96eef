"""``safelight vault bench``: how fast envelopes are here."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from safelight.cli.console import print_json
from safelight.errors import InputError


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``bench``."""
    bench = actions.add_parser("bench", help="time sealing and opening with every suite")
    bench.add_argument("--megabytes", type=int, default=64, help="of the large file; 64 if absent")
    bench.add_argument("--json", action="store_true", help="print a JSON document")
    bench.set_defaults(perform=_perform)


def _perform(arguments: argparse.Namespace) -> int:
    from safelight.lab.bench_envelopes import bench_envelopes

    if not 1 <= arguments.megabytes <= 10_000:
        raise InputError("--megabytes is 1 to 10000")
    rows = []
    for row in bench_envelopes(arguments.megabytes):
        rows.append(row)
        if not arguments.json:
            sys.stdout.write(
                f"{row['suite']}\n"
                f"  {row['megabytes']} MB  seal {row['seal_gb_per_s']:.2f} GB/s "
                f"({row['seal_gb_per_core_s']:.2f} per second of a core), "
                f"open {row['open_gb_per_s']:.2f} ({row['open_gb_per_core_s']:.2f}), "
                f"peak {row['peak_memory_mb']:.0f} MB\n"
                f"  4 kB   seal {row['small_seal_ms']:.3f} ms (public key {row['wrap_ms']:.3f}), "
                f"open {row['small_open_ms']:.3f} ms (private key {row['unwrap_ms']:.3f})\n"
            )
            sys.stdout.flush()
    if arguments.json:
        print_json({"rows": rows})
    return 0
