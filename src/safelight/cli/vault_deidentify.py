"""``safelight vault deidentify``: DICOM files without what tells who the patient is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.cli.console import print_json
from safelight.cli.file_batch import files_below, for_each_file
from safelight.errors import DeidentificationError, InputError, VaultError

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


def _perform(arguments: argparse.Namespace) -> int:
    from safelight.imaging.deidentification import deidentify
    from safelight.imaging.load import read_source
    from safelight.vault.envelope.whole_file import whole_file

    source, target = arguments.source, arguments.target
    options, files = chosen_options(arguments), files_below(source)
    if source.resolve() == target.resolve():
        raise InputError("IN and OUT are the same", hint="originals are not overwritten")
    key = _identifier_key(arguments.identifier_key)

    def work(path: Path, number: int) -> dict[str, Any]:
        content, report = deidentify(read_source(path), options, key)
        # a file's own name often holds the patient's
        place = target if source.is_file() else target / f"{number:06}.dcm"
        _make(place.parent)
        with whole_file(place, replace=arguments.replace) as file:
            file.write(content)
        return {"file": str(place), "report": report.to_json()}

    batch = for_each_file(files, work, "de-identifying")
    if arguments.json:
        print_json({"files": batch.results, "refused": batch.refused})
    else:
        _print(batch.results)
    return 1 if batch.refused else 0


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise VaultError(f"{folder.name} cannot be made ({exc.strerror})") from exc


def _print(done: list[dict[str, Any]]) -> None:
    for entry in done:
        if "error" in entry:
            sys.stdout.write(f"{entry['source']}\n  refused: {entry['error']}\n")
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
