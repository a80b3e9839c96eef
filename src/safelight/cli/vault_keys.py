"""``safelight vault keys new|show|passphrase``: the keys of envelopes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safelight.cli.console import print_json
from safelight.cli.passphrase import NEW_PASSPHRASE_VARIABLE, ask_passphrase
from safelight.errors import InputError, VaultKeyError

if TYPE_CHECKING:
    from safelight.vault.envelope.key_file import GivenPublicKey, OwnPrivateKey

PUBLIC_SUFFIX = ".pub"


def add_actions(actions: argparse._SubParsersAction[Any]) -> None:
    """``keys`` and its actions."""
    keys = actions.add_parser("keys", help="key pairs for envelopes: new, show, passphrase")
    steps = keys.add_subparsers(dest="step", required=True, metavar="STEP")
    new = steps.add_parser("new", help="make a key pair: FILE, and FILE.pub to hand out")
    new.add_argument("file", type=Path)
    new.add_argument(
        "--kind",
        choices=("mlkem768-x25519", "rsa"),
        default="mlkem768-x25519",
        help="rsa is for partners that have nothing else",
    )
    new.add_argument("--bits", type=int, choices=(2048, 3072, 4096), default=3072, help="of RSA")
    new.set_defaults(perform=_new)
    show = steps.add_parser("show", help="kind and key id of a private or public key file")
    show.add_argument("file", type=Path)
    show.set_defaults(perform=_show)
    change = steps.add_parser("passphrase", help="encrypt a private key under a new passphrase")
    change.add_argument("file", type=Path)
    change.set_defaults(perform=_change)
    for step in (new, show, change):
        step.add_argument("--json", action="store_true", help="print a JSON document")


def open_private_key(path: Path) -> OwnPrivateKey:
    """The key in a file, after asking for its passphrase."""
    from safelight.vault.envelope.key_file import is_private_key_file, load_private_key

    if not is_private_key_file(path):  # not worth a passphrase
        raise VaultKeyError(
            f"{path.name} is not a private vault key", hint="make one: safelight vault keys new"
        )
    return load_private_key(path, ask_passphrase())


def _public_path(path: Path) -> Path:
    return path.with_name(path.name + PUBLIC_SUFFIX)


def _new(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope import HybridPrivateKey, RsaPrivateKey
    from safelight.vault.envelope.key_file import save_private_key
    from safelight.vault.envelope.public_key_file import save_public_key

    path: Path = arguments.file
    for taken in (path, _public_path(path)):
        if taken.exists():  # before any question
            raise InputError(
                f"{taken.name} exists already",
                hint="choose another name: a lost key is lost for good",
            )
    passphrase = ask_passphrase(confirm=True)
    key: OwnPrivateKey = (
        RsaPrivateKey.generate(arguments.bits)
        if arguments.kind == "rsa"
        else HybridPrivateKey.generate()
    )
    save_private_key(key, path, passphrase)
    save_public_key(key.public_key, _public_path(path))
    return _print(arguments, key.public_key, private=True)


def _show(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope.key_file import is_private_key_file, load_public_key_of
    from safelight.vault.envelope.public_key_file import load_public_key

    private = is_private_key_file(arguments.file)
    load = load_public_key_of if private else load_public_key
    return _print(arguments, load(arguments.file), private=private)


def _change(arguments: argparse.Namespace) -> int:
    from safelight.vault.envelope.key_file import save_private_key

    key = open_private_key(arguments.file)
    sys.stderr.write("the new one:\n")
    fresh = ask_passphrase(confirm=True, variable=NEW_PASSPHRASE_VARIABLE)
    save_private_key(key, arguments.file, fresh, replace=True)
    return _print(arguments, key.public_key, private=True)


def _print(arguments: argparse.Namespace, key: GivenPublicKey, *, private: bool) -> int:
    path: Path = arguments.file
    if arguments.json:
        print_json(
            {
                "file": str(path),
                "private": private,
                "kind": str(key.kind),
                "key_id": key.key_id.hex(),
                "bits": getattr(key, "bits", None),
            }
        )
        return 0
    half = "private" if private else "public"
    sys.stdout.write(f"{path}: {half} key, {key.kind}\n  key id {key.key_id.hex()}\n")
    if private:
        sys.stdout.write(
            f"  {_public_path(path).name} is for those who seal; compare the key id by telephone.\n"
            "  Without its passphrase the key is lost, and with it all that only it opens.\n"
        )
    return 0
