"""``safelight vault deidentify``: DICOM files without what tells who the patient is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.progress import track

from safelight.cli.console import print_json
from safelight.errors import DeidentificationError, ImageError, InputError

if TYPE_CHECKING:
    from safelight.imaging.deidentification import DeidentificationOptions, IdentifierKey

_FLAGS = {
    "retain_patient": "keep age, sex, size, weight and the like",
    "retain_device": "keep names and serial numbers of devices",
    "retain_institution": "keep name and address of the institution",
    "retain_uids": "keep UIDs: whoever has the original can find it again",
    "retain_safe_private": "keep the private elements that PS3.15 E.3.10 calls safe, numbers only",
    "clean_descriptors": "keep those words of descriptions that are known to be harmless",
    "clean_structured": "keep the content of structured reports, cleaned",
    "clean_graphics": "keep graphic annotations without their text",
    "pixels_are_clean": "your word that no text is in the pixels",
}


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``deidentify``."""
    action = actions.add_parser(
        "deidentify", help="remove from DICOM files what tells who the patient is (PS3.15)"
    )
    action.add_argument("source", type=Path, metavar="IN", help="a DICOM file or a folder of them")
    action.add_argument("target", type=Path, metavar="OUT", help="a new file, or a folder")
    add_options(action)
    action.add_argument(
        "--identifier-key",
        type=Path,
        metavar="FILE",
        help="64 hex digits that make replacements the same in every run; made where missing",
    )
    action.add_argument("--replace", action="store_true", help="files of OUT may exist")
    action.add_argument("--json", action="store_true", help="print a JSON document")
    action.set_defaults(perform=_perform)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What to retain and to clean."""
    parser.add_argument(
        "--dates",
        choices=("remove", "shift", "keep"),
        default="remove",
        help="shift moves all dates of a patient by one secret number of days",
    )
    for name, summary in _FLAGS.items():
        parser.add_argument("--" + name.replace("_", "-"), action="store_true", help=summary)


def chosen_options(arguments: argparse.Namespace) -> DeidentificationOptions:
    """The options of a command line."""
    from safelight.imaging.deidentification import DeidentificationOptions

    flags = {name: getattr(arguments, name) for name in _FLAGS}
    return DeidentificationOptions(dates=arguments.dates, **flags)


def files_below(source: Path) -> list[Path]:
    """The file, or all files below the folder, in order of their names.

    Raises:
        InputError: there is nothing.
    """
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.is_file())
    else:
        found = [source] if source.is_file() else []
    if not found:
        raise InputError(f"{source.name} is not a file or a folder with files")
    return found


def _perform(arguments: argparse.Namespace) -> int:
    from safelight.imaging.deidentification import deidentify
    from safelight.imaging.load import read_source
    from safelight.vault.envelope.whole_file import whole_file

    source, target = arguments.source, arguments.target
    options, files = chosen_options(arguments), files_below(source)
    if source.resolve() == target.resolve():
        raise InputError("IN and OUT are the same", hint="originals are not overwritten")
    key = _identifier_key(arguments.identifier_key)
    done: list[dict[str, Any]] = []
    refused = 0
    quiet = not sys.stderr.isatty() or len(files) < 2
    for number, path in enumerate(track(files, "de-identifying", disable=quiet)):
        try:
            content, report = deidentify(read_source(path), options, key)
        except (DeidentificationError, ImageError) as exc:
            if source.is_file():
                raise
            refused += 1
            done.append({"number": number, "error": exc.message})
            continue
        # a file's own name often holds the patient's
        place = target if source.is_file() else target / f"{number:06}.dcm"
        place.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(place, replace=arguments.replace) as file:
            file.write(content)
        done.append({"number": number, "file": str(place), "report": report.to_json()})
    if arguments.json:
        print_json({"files": done, "refused": refused})
    else:
        _print(done)
    return 1 if refused else 0


def _print(done: list[dict[str, Any]]) -> None:
    for entry in done:
        if "error" in entry:
            sys.stdout.write(f"file {entry['number']} in order of names: {entry['error']}\n")
            continue
        totals = ", ".join(f"{code} {count}" for code, count in entry["report"]["totals"].items())
        sys.stdout.write(f"{entry['file']}: {totals}\n")
        for note in entry["report"]["notes"]:
            sys.stdout.write(f"  note: {note}\n")


def _identifier_key(path: Path | None) -> IdentifierKey:
    from safelight.imaging.deidentification import IdentifierKey

    if path is None:
        return IdentifierKey.generate()
    try:
        if not path.exists():
            key = IdentifierKey.generate()
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(key.unsafe_bytes().hex() + "\n")
            return key
        return IdentifierKey(bytes.fromhex(path.read_text("ascii").strip()))
    except OSError as exc:
        raise InputError(f"{path.name} cannot be used ({exc.strerror})") from exc
    except (ValueError, DeidentificationError):
        raise InputError(f"{path.name} does not hold 64 hexadecimal digits") from None
