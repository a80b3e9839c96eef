"""``safelight diagnose PATH… --model NAME``."""

from __future__ import annotations

import argparse
import sys
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

from safelight.cli.connection import (
    add_connection_arguments,
    open_client,
    open_obfuscated_client,
    open_sealed_client,
)
from safelight.cli.console import RESEARCH_ONLY, milliseconds, print_json, watcher
from safelight.cli.public_part_text import public_part_lines
from safelight.client.diagnosis import LEVEL, Diagnosis
from safelight.client.heatmaps import check_has_maps, write_heatmap
from safelight.client.inputs import preprocessing_of
from safelight.client.obfuscated_client import LEVEL as OBFUSCATED
from safelight.client.obfuscated_client import WARNING
from safelight.client.sealed_client import LEVEL as SEALED
from safelight.client.sealed_client import SealedClient
from safelight.errors import InputError
from safelight.imaging.public_backbone import add_public_part
from safelight.models.registry import load_model
from safelight.wire.levels import MEANINGS, Level


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
    parser.add_argument(
        "--centre",
        type=_centre,
        metavar="ROW,COLUMN",
        help="for models of a crop, such as lung-nodule-48: the pixel in its middle, from 0",
    )
    parser.add_argument(
        "--public-part",
        type=Path,
        metavar="FILE",
        help="the .onnx that came with a split model; kept for later calls",
    )
    parser.add_argument(
        "--level",
        choices=("homomorphic", "envelope", "obfuscated"),
        default="homomorphic",
        help="of protection; in an envelope the service sees the image while it computes; "
        "obfuscated is not encryption",
    )
    parser.add_argument(
        "--obfuscation-key",
        type=Path,
        metavar="FILE",
        help="at the level obfuscated: the key that the model was trained with",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON document")
    add_connection_arguments(parser)


def _centre(text: str) -> tuple[int, int]:
    row, _, column = text.partition(",")
    if not (row.isdecimal() and column.isdecimal() and len(text) < 20):
        raise argparse.ArgumentTypeError("give a row and a column, such as 212,305")
    return int(row), int(column)


def run(arguments: argparse.Namespace) -> int:
    """Diagnoses every input."""
    if arguments.public_part is not None:
        add_public_part(arguments.public_part)
    if (arguments.level == OBFUSCATED) != (arguments.obfuscation_key is not None):
        raise InputError("--obfuscation-key goes with --level obfuscated, which needs it")
    if arguments.level in (SEALED, OBFUSCATED):
        return _run_sealed(arguments)
    with watcher() as watch, open_client(arguments, (arguments.model,), watch) as client:
        # an own service also takes a model's folder; it serves it by its name
        name = arguments.model if arguments.server else load_model(arguments.model).name
        signature = client.model(name).signature
        if arguments.heatmap is not None:
            check_has_maps(signature)
            _make(arguments.heatmap)
        public = preprocessing_of(signature).public_parts
        both = list(client.diagnose_with_maps(name, arguments.paths, centre=arguments.centre))
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
        parts = [asdict(part) for part in public]
        print_json({"level": LEVEL, "public_parts": parts, "diagnoses": documents})
        return 0
    for diagnosis, picture in zip(found, pictures, strict=True):
        sys.stdout.write(_lines(diagnosis))
        sys.stdout.write(public_part_lines(public))
        if picture is not None:
            sys.stdout.write(f"  heatmap      {picture}\n")
    sys.stdout.write(f"{RESEARCH_ONLY}\n")
    return 0


def _run_sealed(arguments: argparse.Namespace) -> int:
    if arguments.heatmap is not None:
        raise InputError("heatmaps are made at the level homomorphic")
    level: Level = arguments.level
    if level == OBFUSCATED:
        sys.stderr.write(f"warning: {WARNING}\n")
    with _sealed_client(arguments) as client:
        name = arguments.model if arguments.server else load_model(arguments.model).name
        public = preprocessing_of(client.model(name).interface).public_parts
        found = list(client.diagnose(name, arguments.paths, centre=arguments.centre))
    if arguments.json:
        parts = [asdict(part) for part in public]
        documents = [diagnosis.to_json() for diagnosis in found]
        print_json({"level": level, "public_parts": parts, "diagnoses": documents})
        return 0
    for diagnosis in found:
        sys.stdout.write(_lines(diagnosis) + public_part_lines(public))
    sys.stdout.write(f"Level {level}: {MEANINGS[level]}.\n{RESEARCH_ONLY}\n")
    return 0


def _sealed_client(arguments: argparse.Namespace) -> AbstractContextManager[SealedClient]:
    if arguments.level == OBFUSCATED:
        return open_obfuscated_client(arguments, arguments.obfuscation_key)
    return open_sealed_client(arguments, (arguments.model,))


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
