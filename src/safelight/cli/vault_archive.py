"""``safelight vault init|put|get|list|verify|rewrap|delete``: the sealed archive."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.cli.console import byte_count, print_json
from safelight.cli.file_batch import files_below, for_each_file, progress_bar
from safelight.cli.known_archives import check_known
from safelight.cli.vault_deidentify import add_options, chosen_options
from safelight.cli.vault_keys import open_private_key

if TYPE_CHECKING:
    from safelight.vault.archive import Archive, StoredObject
    from safelight.vault.envelope.key_file import OwnPrivateKey


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """All actions on an archive."""
    init = actions.add_parser("init", help="make an empty archive")
    put = actions.add_parser("put", help="de-identify, compress, seal and store DICOM files")
    get = actions.add_parser("get", help="fetch a stored object, verified")
    listing = actions.add_parser("list", help="what is in the archive")
    verify = actions.add_parser("verify", help="open everything and compare it with the index")
    rewrap = actions.add_parser("rewrap", help="new keys, and other people, for the archive")
    delete = actions.add_parser("delete", help="remove objects")
    for action in (init, put, get, listing, verify, rewrap, delete):
        action.add_argument("folder", type=Path, metavar="ARCHIVE", help="its folder")
        if action is not init:
            action.add_argument(
                "--key", type=Path, required=True, metavar="FILE", help="private key file"
            )
        action.add_argument("--json", action="store_true", help="print a JSON document")
    for action in (init, rewrap):
        action.add_argument(
            "--to",
            type=Path,
            action="append",
            required=True,
            metavar="FILE.pub",
            help="who may use the archive; may be repeated",
        )
    init.add_argument("--store", metavar="URL", help="where objects go, such as s3://bucket/name")
    put.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files or folders")
    put.add_argument(
        "--ratio", type=float, help="lossy JPEG 2000, so many times smaller; else lossless"
    )
    add_options(put)
    get.add_argument("object", metavar="ID", help="of the object, or how it begins")
    get.add_argument("target", type=Path, metavar="OUT")
    get.add_argument("--replace", action="store_true", help="OUT may exist")
    listing.add_argument("--study", default="", metavar="UID", help="objects of one study")
    listing.add_argument("--series", default="", metavar="UID", help="objects of one series")
    listing.add_argument(
        "--original", action="store_true", help="the UIDs given are those before replacement"
    )
    verify.add_argument("--clean", action="store_true", help="remove what killed writers left")
    delete.add_argument("objects", nargs="+", metavar="ID")
    for action, perform in (
        (init, _init),
        (put, _put),
        (get, _get),
        (listing, _list),
        (verify, _verify),
        (rewrap, _rewrap),
        (delete, _delete),
    ):
        action.set_defaults(perform=perform)


@contextmanager
def _opened(arguments: argparse.Namespace) -> Iterator[tuple[Archive, OwnPrivateKey]]:
    from safelight.vault.archive import open_archive

    key = open_private_key(arguments.key)
    with open_archive(arguments.folder, [key]) as archive:
        check_known(arguments.key, arguments.folder, archive.keyring.fingerprint)
        yield archive, key


def _described(stored: StoredObject) -> dict[str, Any]:
    return {"id": stored.id, **stored.record.to_json()}


def _init(arguments: argparse.Namespace) -> int:
    from safelight.vault.archive import create_archive
    from safelight.vault.envelope.public_key_file import load_public_key

    recipients = [load_public_key(path) for path in arguments.to]
    fingerprint = create_archive(arguments.folder, recipients, url=arguments.store)
    if arguments.json:
        print_json({"archive": str(arguments.folder), "fingerprint": fingerprint})
    else:
        sys.stdout.write(
            f"{arguments.folder}: an empty archive, {fingerprint}\n"
            "  Without a private key of its recipients everything in it is lost.\n"
        )
    return 0


def _put(arguments: argparse.Namespace) -> int:
    from safelight.imaging.load import read_source

    options = chosen_options(arguments)
    files = [path for given in arguments.paths for path in files_below(given)]
    with _opened(arguments) as (archive, _):

        def put(path: Path, number: int) -> dict[str, Any]:
            result = archive.put(read_source(path), options, ratio=arguments.ratio)
            return {
                "is_new": result.is_new,
                "notes": result.report.notes,
                **_described(result.stored),
            }

        batch = for_each_file(files, put, "putting")
    if arguments.json:
        print_json({"files": batch.results, "refused": batch.refused})
        return 1 if batch.refused else 0
    for entry in batch.results:
        if "error" in entry:
            sys.stdout.write(f"{entry['source']}\n  refused: {entry['error']}\n")
            continue
        kept = "" if entry["is_new"] else ", was there already"
        sys.stdout.write(
            f"{entry['id']}  {entry['form']}, {byte_count(entry['source_bytes'])} → "
            f"{byte_count(entry['sealed_bytes'])}{kept}\n"
        )
    for note in sorted({note for entry in batch.results for note in entry.get("notes", [])}):
        sys.stdout.write(f"note: {note}\n")
    return 1 if batch.refused else 0


def _get(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope.whole_file import whole_file

    with _opened(arguments) as (archive, _):
        stored = archive.find(arguments.object)
        content, _ = archive.get(stored.id)
        with whole_file(arguments.target, replace=arguments.replace) as file:
            file.write(content)
    if arguments.json:
        print_json({"file": str(arguments.target), **_described(stored)})
    else:
        pixels = "content and pixels" if stored.record.pixel_sha256 else "content"
        sys.stdout.write(
            f"{arguments.target}: {byte_count(len(content))}, {pixels} are as stored\n"
        )
    return 0


def _list(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as (archive, _):

        def replaced(uid: str) -> str:
            return archive.replaced_uid(uid) if uid and arguments.original else uid

        found = list(
            archive.list(study_uid=replaced(arguments.study), series_uid=replaced(arguments.series))
        )
    if arguments.json:
        print_json({"objects": [_described(stored) for stored in found]})
        return 0
    for stored in found:
        record = stored.record
        size = f"{record.rows} × {record.columns}" if record.rows else "no image"
        sys.stdout.write(
            f"{stored.id[:16]}  {record.patient}  {record.modality:<4} {size:<12} "
            f"{byte_count(record.sealed_bytes):>8}  {record.form}\n"
        )
    sys.stdout.write(f"{len(found)} objects\n")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from safelight.vault.archive import verify_archive

    with _opened(arguments) as (archive, _), progress_bar("verifying") as progress:
        report = verify_archive(archive, clean=arguments.clean, progress=progress)
    if arguments.json:
        print_json(
            {
                "checked": report.checked,
                "failed": list(report.failed),
                "strays": report.strays,
                "cleaned": report.cleaned,
            }
        )
    else:
        sys.stdout.write(f"{report.checked} objects are what was stored\n")
        for object_id in report.failed:
            sys.stdout.write(f"not what was stored, or missing: {object_id}\n")
        if report.strays:
            done = "removed" if report.cleaned else "--clean removes them"
            sys.stdout.write(f"{report.strays} files left by killed writers: {done}\n")
    return 1 if report.failed else 0


def _rewrap(arguments: argparse.Namespace) -> int:
    from safelight.vault.archive import rewrap_archive
    from safelight.vault.envelope.public_key_file import load_public_key

    recipients = [load_public_key(path) for path in arguments.to]
    with _opened(arguments) as (archive, key), progress_bar("rewrapping") as progress:
        count = rewrap_archive(archive, [key], recipients, progress)
    if arguments.json:
        print_json({"rewrapped": count, "recipients": [key.key_id.hex() for key in recipients]})
    else:
        sys.stdout.write(f"{count} objects rewrapped for {len(recipients)} recipients\n")
    return 0


def _delete(arguments: argparse.Namespace) -> int:
    with _opened(arguments) as (archive, _):
        found = [archive.find(object_id) for object_id in arguments.objects]
        for stored in found:
            archive.delete(stored.id)
    if arguments.json:
        print_json({"deleted": [stored.id for stored in found]})
    else:
        sys.stdout.write(f"{len(found)} objects deleted\n")
    return 0
