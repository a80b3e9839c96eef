"""``safelight vault seal|open|inspect``: files into envelopes and out of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from safelight.cli.console import byte_count, print_json
from safelight.cli.vault_keys import open_private_key
from safelight.errors import InputError, VaultError
from safelight.vault.envelope.suites import DEFAULT_SUITE, SUITE_BY_LABEL, KeyKind, Suite

# the archive's suite takes a symmetric key, which no file holds
_LABELS = [suite.label for suite in Suite if suite.key_kind is not KeyKind.ARCHIVE]


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``seal``, ``open`` and ``inspect``."""
    seal = actions.add_parser("seal", help="seal a file for the holders of public keys")
    seal.add_argument("source", type=Path, metavar="IN")
    seal.add_argument("target", type=Path, metavar="OUT")
    seal.add_argument(
        "--to", type=Path, action="append", required=True, metavar="FILE.pub", help="recipient"
    )
    seal.add_argument("--suite", choices=_LABELS, default=DEFAULT_SUITE.label)
    seal.set_defaults(perform=_seal)
    opening = actions.add_parser("open", help="open an envelope: all of it, verified, or nothing")
    opening.add_argument("source", type=Path, metavar="IN")
    opening.add_argument("target", type=Path, metavar="OUT")
    opening.add_argument("--key", type=Path, required=True, metavar="FILE", help="private key file")
    opening.add_argument(
        "--accept",
        choices=_LABELS,
        action="append",
        help=f"a suite to accept instead of {DEFAULT_SUITE.label}; may be repeated",
    )
    opening.set_defaults(perform=_open)
    for action in (seal, opening):
        action.add_argument(
            "--context",
            default="",
            metavar="TEXT",
            help="what it is for: not stored, and needed again to open",
        )
        action.add_argument("--replace", action="store_true", help="OUT may exist")
    inspect = actions.add_parser("inspect", help="what an envelope says of itself; unverified")
    inspect.add_argument("source", type=Path, metavar="FILE")
    inspect.set_defaults(perform=_inspect)
    for action in (seal, opening, inspect):
        action.add_argument("--json", action="store_true", help="print a JSON document")


def _seal(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope import seal_file
    from safelight.vault.envelope.public_key_file import load_public_key

    _check_distinct(arguments)
    recipients = [load_public_key(path) for path in arguments.to]
    seal_file(
        arguments.source,
        arguments.target,
        recipients,
        suite=SUITE_BY_LABEL[arguments.suite],
        context=arguments.context.encode(),
        replace=arguments.replace,
    )
    return _inspect(argparse.Namespace(source=arguments.target, json=arguments.json))


def _open(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope import open_file

    _check_distinct(arguments)
    labels = arguments.accept or [DEFAULT_SUITE.label]
    open_file(
        arguments.source,
        arguments.target,
        [open_private_key(arguments.key)],
        accept={SUITE_BY_LABEL[label] for label in labels},
        context=arguments.context.encode(),
        replace=arguments.replace,
    )
    size = arguments.target.stat().st_size
    if arguments.json:
        print_json({"file": str(arguments.target), "bytes": size})
    else:
        sys.stdout.write(f"{arguments.target}: {byte_count(size)}, verified\n")
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope import inspect_envelope
    from safelight.vault.envelope.header import MAX_HEADER_BYTES

    path: Path = arguments.source
    try:
        with path.open("rb") as file:
            summary = inspect_envelope(file.read(MAX_HEADER_BYTES))
        size = path.stat().st_size
    except OSError as exc:
        raise VaultError(f"{path.name} cannot be read ({exc.strerror})") from exc
    if arguments.json:
        print_json(
            {
                "file": str(path),
                "bytes": size,
                "version": summary.version,
                "suite": summary.suite,
                "recipients": list(summary.key_ids),
                "chunk_bytes": summary.chunk_bytes,
                "header_bytes": summary.header_bytes,
            }
        )
        return 0
    sys.stdout.write(f"{path}: envelope, {byte_count(size)}, {summary.suite}\n")
    for key_id in summary.key_ids:
        sys.stdout.write(f"  for key {key_id}\n")
    return 0


def _check_distinct(arguments: argparse.Namespace) -> None:
    if arguments.source.resolve() == arguments.target.resolve():
        raise InputError("IN and OUT are the same file", hint="give OUT another name")
