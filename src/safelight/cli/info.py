"""``safelight info``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import sys
from typing import Any

from safelight import __version__
from safelight.cli.console import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def information() -> dict[str, Any]:
    """Version, engine, and what the machine offers it."""
    native = importlib.util.find_spec("safelight._native") is not None
    simd = None
    if native:
        from safelight import _native

        simd = _native.simd()
    return {
        "version": __version__,
        "python": platform.python_version(),
        "engine": "native" if native else "seal",
        "simd": simd,
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
    }


def run(arguments: argparse.Namespace) -> int:
    """Prints `information`."""
    found = information()
    if arguments.json:
        print_json(found)
    else:
        for key, value in found.items():
            sys.stdout.write(f"{key:8} {value}\n")
    return 0
