"""``safelight vault obfuscation-key new|show``: a client's key for the level `obfuscated`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from safelight.cli.console import print_json
from safelight.cli.passphrase import ask_passphrase
from safelight.errors import InputError


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``obfuscation-key`` and its actions."""
    group = actions.add_parser(
        "obfuscation-key", help="the key of obfuscated images, which is not encryption: new, show"
    )
    steps = group.add_subparsers(dest="step", required=True, metavar="STEP")
    new = steps.add_parser("new", help="make a key, one for each client")
    new.set_defaults(perform=_new)
    show = steps.add_parser("show", help="its id; needs no passphrase, and verifies nothing")
    show.set_defaults(perform=_show)
    for step in (new, show):
        step.add_argument("file", type=Path)
        step.add_argument("--json", action="store_true", help="print a JSON document")


def _new(arguments: argparse.Namespace) -> int:
    from safelight.vault.obfuscation_key import ObfuscationKey, save_obfuscation_key

    path: Path = arguments.file
    if path.exists():  # before any question
        raise InputError(
            f"{path.name} exists already",
            hint="choose another name: networks trained with a lost key are of no more use",
        )
    key = ObfuscationKey.generate()
    save_obfuscation_key(key, path, ask_passphrase(confirm=True))
    return _print(arguments, key.key_id)


def _show(arguments: argparse.Namespace) -> int:
    from safelight.vault.obfuscation_key import obfuscation_key_id

    return _print(arguments, obfuscation_key_id(arguments.file))


def _print(arguments: argparse.Namespace, key_id: bytes) -> int:
    if arguments.json:
        print_json({"file": str(arguments.file), "kind": "obfuscation", "key_id": key_id.hex()})
        return 0
    sys.stdout.write(
        f"{arguments.file}: obfuscation key\n  key id {key_id.hex()}\n"
        "  Obfuscation is not encryption. Who has the key has every image under it.\n"
    )
    return 0
