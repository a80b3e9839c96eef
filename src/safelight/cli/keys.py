"""``safelight keys new|show|passphrase``: secret key files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from safelight.ckks.key_file import save_key_file
from safelight.ckks.secret import SecretKeys
from safelight.cli.connection import open_key_file
from safelight.cli.console import print_json
from safelight.cli.passphrase import NEW_PASSPHRASE_VARIABLE, ask_passphrase
from safelight.errors import KeyFileError
from safelight.models.registry import compiled_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="make a secret key for the parameters of a model")
    new.add_argument("file", type=Path)
    new.add_argument("--model", required=True, help="whose parameters the key is for")
    show = actions.add_parser("show", help="what a key file is for; never the secret")
    show.add_argument("file", type=Path)
    change = actions.add_parser("passphrase", help="encrypt a key file under a new passphrase")
    change.add_argument("file", type=Path)
    for action in (new, show, change):
        action.add_argument("--json", action="store_true", help="print a JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Makes, shows or re-encrypts a key file."""
    path: Path = arguments.file
    if arguments.action == "new":
        if path.exists():  # said again on writing, but not only after all the questions
            raise KeyFileError(
                f"{path.name} exists already",
                hint="choose another name: a lost key is lost for good",
            )
        _, compiled = compiled_model(arguments.model)
        passphrase = ask_passphrase(confirm=True)
        keys = SecretKeys.generate(compiled.program.parameters)
        save_key_file(keys, path, passphrase)
    else:
        keys = open_key_file(path)
        if arguments.action == "passphrase":
            sys.stderr.write("the new one:\n")
            fresh = ask_passphrase(confirm=True, variable=NEW_PASSPHRASE_VARIABLE)
            save_key_file(keys, path, fresh, replace=True)
    if arguments.json:
        print_json(
            {
                "file": str(path),
                "epoch": keys.epoch.hex(),
                "n": keys.parameters.n,
                "prime_bits": list(keys.parameters.bits),
                "parameters_digest": keys.parameters.digest.hex(),
            }
        )
        return 0
    sys.stdout.write(
        f"{path}: key {keys.epoch.hex()}\n  {keys.parameters}\n"
        f"  parameters {keys.parameters.digest.hex()}\n"
        "  Without its passphrase the key is lost, and with it every result under it.\n"
    )
    return 0
