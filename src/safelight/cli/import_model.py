"""``safelight import SOURCE --calibration DATA --output FOLDER``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from safelight.cli.console import RESEARCH_ONLY, print_json, watcher
from safelight.errors import InputError
from safelight.models.model_name import name_from


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add = parser.add_argument
    add("source", type=Path, metavar="SOURCE", help="model: .onnx, .pt2 or .skops")
    add("--calibration", type=Path, required=True, metavar="DATA", help=".npz: see the how-to")
    add("--output", type=Path, required=True, metavar="FOLDER", help="model folder to write")
    add("--name", help="of the model; by default that of the folder")
    add("--title", default="", help="one line for people")
    add("--classes", default="", help="names in the order of the outputs, with commas between")
    add("--positive", default="", help="the class that the probability is of")
    add("--threshold", type=float, default=0.5, help="operating point; default 0.5")
    add("--preprocessing", type=Path, metavar="JSON", help="steps from an image to the input")
    add("--degree", type=int, default=2, help="of the polynomials, 2 to 7; default 2")
    add("--margin", type=float, default=0.5, help="of calibrated ranges; default 0.5")
    add(
        "--fine-tune",
        type=int,
        nargs="?",
        const=30,
        default=0,
        metavar="EPOCHS",
        help="distil the original into the polynomials; needs torch",
    )
    add("--public-stem", default="", metavar="LAYER", help="up to it: in the clear, NumPy")
    add("--split", default="", metavar="LAYER", help="up to it: in the clear, ONNX Runtime")
    add("--public-backbone", metavar="BACKBONE", help="an .onnx before SOURCE, or a MONAI name")
    add("--backbone-weights", type=Path, metavar="FILE", help="state dictionary for a MONAI name")
    add("--input-shape", metavar="C,H,W", help="of one input, where the source leaves it open")
    add("--map", action="store_true", help="answer with a class-activation map")
    add("--licence", default="", help="of model and data; without one: for this machine only")
    add("--attribution", default="", help="of the model and its data, for its card")
    add(
        "--unsafe-pickle",
        action="store_true",
        help="open a pickle, which can run any program on this machine",
    )
    add("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Imports, writes the folder, reports."""
    from safelight.imaging.public_backbone import store_public_part
    from safelight.models.importers.calibration import read_calibration
    from safelight.models.importers.compile_model import compile_model
    from safelight.models.importers.source_file import PICKLES, open_source

    output: Path = arguments.output
    if (output / "model.json").exists():
        raise InputError(
            f"the folder {output.name!r} holds a model already", hint="choose another --output"
        )
    steps = None if arguments.preprocessing is None else _steps(arguments.preprocessing)
    if arguments.unsafe_pickle and arguments.source.suffix.lower() in PICKLES:
        sys.stderr.write(
            "warning: opening a pickle runs whatever program is in it; only for files of your own\n"
        )
    model = open_source(arguments.source, unsafe_pickle=arguments.unsafe_pickle)
    calibration = read_calibration(arguments.calibration)
    shape = None if arguments.input_shape is None else _shape(arguments.input_shape)
    backbone, name = _backbone(arguments, shape, calibration.inputs)
    with watcher() as watch:
        imported = compile_model(
            model,
            calibration,
            name=arguments.name or name_from(output.resolve().name, otherwise="imported"),
            title=arguments.title,
            classes=tuple(part.strip() for part in arguments.classes.split(",") if part.strip()),
            positive=arguments.positive,
            threshold=arguments.threshold,
            preprocessing=steps,
            degree=arguments.degree,
            margin=arguments.margin,
            fine_tune=arguments.fine_tune,
            licence=arguments.licence,
            attribution=arguments.attribution,
            public_stem=arguments.public_stem,
            split=arguments.split,
            public_backbone=backbone,
            public_name=name,
            input_shape=shape,
            class_activation_map=arguments.map,
            watch=watch,
        )
    imported.save(output)
    for content in imported.public_files.values():
        store_public_part(content)  # so that this machine can use the model at once
    report = {**imported.report(), "folder": str(output)}
    if arguments.json:
        print_json(report)
    else:
        sys.stdout.write(_text(report))
    return 0


def _shape(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) <= 4096 for part in parts):
        raise InputError(f"the shape {text!r} is not sizes with commas", hint="such as 1,224,224")
    return tuple(map(int, parts))


def _backbone(
    arguments: argparse.Namespace, shape: tuple[int, ...] | None, inputs: Any
) -> tuple[Any, str]:
    """The backbone that was asked for, and its name."""
    given = arguments.public_backbone
    if given is None:
        return None, arguments.split
    from safelight.models.importers.public_backbone import MONAI_NETWORKS, monai_backbone

    if given not in MONAI_NETWORKS:
        return Path(given), Path(given).stem[:60]
    if shape is None and inputs.dtype.kind == "f":
        shape = inputs.shape[1:]
    if shape is None or len(shape) != 3 or arguments.backbone_weights is None:
        raise InputError(
            f"the backbone {given} needs its weights and the shape that it takes",
            hint="give --backbone-weights FILE and --input-shape 1,224,224",
        )
    return monai_backbone(given, input_shape=shape, weights=arguments.backbone_weights), given


def _steps(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InputError(
            f"the preprocessing {path.name!r} cannot be read", hint="see docs/preprocessing.md"
        ) from exc
    if not isinstance(document, dict):
        raise InputError("the preprocessing is not a JSON object", hint="see docs/preprocessing.md")
    return document


def _text(report: dict[str, Any]) -> str:
    agreement = report["agreement"]
    lines = [f"{report['name']}: {len(report['classes'])} classes, input {report['input_shape']}"]
    for one in report["replaced"]:
        lines.append(
            f"  replaced     {one['activation']} {one['layer']} by degree {one['degree']} on "
            f"{one['low']:.3g} … {one['high']:.3g}, relative error {one['error']:.1%}"
        )
    kept = "kept apart" if agreement["held_out"] else "that were fitted on"
    lines.append(
        f"  original     same decision on {agreement['decisions']:.1%} of {agreement['records']} "
        f"calibration records {kept}; probabilities differ by at most "
        f"{agreement['probability_error']:.3f}"
    )
    if agreement["accuracy"] is not None:
        before, after = agreement["accuracy"]
        lines.append(f"  accuracy     {before:.3f} original, {after:.3f} replaced")
    parameters = report["parameters"]
    lines.append(
        f"  parameters   N = {parameters['n']}, {parameters['primes']} primes, "
        f"{report['rotation_keys']} rotation keys, {report['records']} records a ciphertext"
    )
    for part in report["public_parts"]:
        lines.append(f"  public part  {part['name']}: {part['does']} ({part['digest'][:16]}…)")
    lines += [f"  note         {note}" for note in report["notes"]]
    lines += [f"  written to   {report['folder']}", RESEARCH_ONLY]
    return "\n".join(lines) + "\n"
