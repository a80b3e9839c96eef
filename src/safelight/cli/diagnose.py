"""``safelight diagnose PATH… --model NAME``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.cli.connection import add_connection_arguments, open_client
from safelight.cli.console import RESEARCH_ONLY, milliseconds, print_json, watcher
from safelight.client.diagnosis import LEVEL, Diagnosis
from safelight.client.heatmaps import check_has_maps, write_heatmap
from safelight.errors import InputError
from safelight.models.registry import load_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="images, or tables")
    parser.add_argument("--model", required=True, help="name; see `safelight models`")
    parser.add_argument(
        "--heatmap",
        type=Path,
        metavar="DIR",
        help="write a picture of each image with what spoke for the finding; for models with a "
        "class-activation map",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    add_connection_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses every input."""
    with watcher() as watch, open_client(arguments, (arguments.model,), watch) as client:
        # an own service also takes a model's folder; it serves it by its name
        name = arguments.model if arguments.server else load_model(arguments.model).name
        signature = client.model(name).signature
        if arguments.heatmap is not None:
            check_has_maps(signature)
            _make(arguments.heatmap)
        both = list(client.diagnose_with_maps(name, arguments.paths))
    pictures = [
        None
        if arguments.heatmap is None or heatmap is None
        else write_heatmap(arguments.heatmap, number, signature, diagnosis, heatmap)
        for number, (diagnosis, heatmap) in enumerate(both, start=1)
    ]
    found = [diagnosis for diagnosis, _ in both]
    if arguments.json:
        documents = [diagnosis.to_json() for diagnosis in found]
        for document, picture in zip(documents, pictures, strict=True):
            if picture is not None:
                document["heatmap"] = str(picture)
        print_json({"level": LEVEL, "diagnoses": documents})
        return 0
    for diagnosis, picture in zip(found, pictures, strict=True):
        sys.stdout.write(_lines(diagnosis))
        if picture is not None:
            sys.stdout.write(f"  heatmap      {picture}\n")
    sys.stdout.write(f"{RESEARCH_ONLY}\n")
    return 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            f"the folder {folder.name!r} cannot be made ({exc.strerror})",
            hint="give another folder for --heatmap",
        ) from exc


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
