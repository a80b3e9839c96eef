"""``safelight lab leakage|…``: measures and attacks, each with a report."""

from __future__ import annotations

import argparse
import importlib
from typing import Any

# Name and one line of help; the module `lab_NAME` has `add_arguments` and `run`.
PARTS = {
    "compare": "every method of protection: cost, accuracy and attacks in one table",
    "leakage": "what stored and sent forms of an image give away, and attacks on `obfuscated`",
    "membership": "was a record in the training set? Attacks on controls and on a served model",
    "inversion": "from what is seen of an inference back to the image",
    "extraction": "how many answers until a copy agrees with the model",
    "masked": "a network trained on clear, obfuscated and encrypted images: where it can learn",
    "privacy": "accuracy and membership inference against the budget of differential privacy",
    "ckks": "precision, worst errors, unused slots, timing, key recovery, parameters",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parts = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, summary in PARTS.items():
        _module(name).add_arguments(parts.add_parser(name, help=summary, description=summary))


def run(arguments: argparse.Namespace) -> int:
    """Runs one part."""
    return int(_module(arguments.part).run(arguments))


def _module(name: str) -> Any:
    return importlib.import_module(f"safelight.cli.lab_{name.replace('-', '_')}")
