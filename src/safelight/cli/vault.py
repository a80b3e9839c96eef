"""``safelight vault``: envelopes, de-identification, the archive. One file for each group."""

from __future__ import annotations

import argparse

from safelight.cli import (
    vault_archive,
    vault_bench,
    vault_deidentify,
    vault_envelopes,
    vault_keys,
    vault_obfuscation_key,
    vault_storage,
)
from safelight.cli.vault_permission import add_permission_arguments, check_permission

_GROUPS = (
    vault_keys,
    vault_obfuscation_key,
    vault_envelopes,
    vault_deidentify,
    vault_archive,
    vault_storage,
    vault_bench,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command."""
    add_permission_arguments(parser)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for group in _GROUPS:
        group.add_actions(actions)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action, if the access rules allow it."""
    check_permission(arguments)
    return int(arguments.perform(arguments))
