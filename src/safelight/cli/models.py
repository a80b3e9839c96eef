"""``safelight models [NAME]``."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import Any

from safelight.cli.console import print_json
from safelight.cli.public_part_text import public_part_lines
from safelight.client.diagnosis import LEVEL
from safelight.imaging import Preprocessing
from safelight.imaging.public_part import PublicPart
from safelight.models.registry import TrainedModel, compiled_model, load_model, model_names


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("name", nargs="?", help="show this model's card")
    parser.add_argument("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Lists the shipped models, or shows one."""
    if arguments.name is None:
        found = [load_model(name) for name in model_names()]
        if arguments.json:
            print_json({"models": [_summary(model) for model in found]})
            return 0
        for model in found:
            sys.stdout.write(f"{model.name:28} {LEVEL:12} {model.meaning.title}\n")
            sys.stdout.write(public_part_lines(_public_parts(model)))
        return 0
    model = load_model(arguments.name)
    if not arguments.json:
        sys.stdout.write(model.card or f"{model.name} has no card\n")
        sys.stdout.write(public_part_lines(_public_parts(model)))
        return 0
    _, compiled = compiled_model(arguments.name)
    print_json(
        {
            **_summary(model),
            "digest": model.digest.hex(),
            "card": model.card,
            "signature": compiled.signature.to_json(),
            "keys": {
                "relinearization_level": compiled.requirements.relinearization_level,
                "galois_levels": {
                    str(e): level for e, level in compiled.requirements.galois_levels.items()
                },
            },
        }
    )
    return 0


def _summary(model: TrainedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.meaning.version,
        # at others only where an operator lowers a model's minimum
        "level": LEVEL,
        "title": model.meaning.title,
        "input_shape": list(model.graph.input_shape),
        "classes": list(model.meaning.outputs.classes),
        "public_parts": [asdict(part) for part in _public_parts(model)],
    }


def _public_parts(model: TrainedModel) -> tuple[PublicPart, ...]:
    return Preprocessing.from_json(dict(model.meaning.preprocessing)).public_parts
