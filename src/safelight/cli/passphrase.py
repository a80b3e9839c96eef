"""Where a passphrase comes from."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from safelight.errors import KeyFileError

PASSPHRASE_VARIABLE = "SAFELIGHT_PASSPHRASE_FILE"  # noqa: S105 - a name
NEW_PASSPHRASE_VARIABLE = "SAFELIGHT_NEW_PASSPHRASE_FILE"  # noqa: S105 - a name


def ask_passphrase(*, confirm: bool = False, variable: str = PASSPHRASE_VARIABLE) -> str:
    """From the file that the environment variable names, or typed on the terminal."""
    named = os.environ.get(variable)
    if named:
        try:
            return Path(named).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as exc:
            raise KeyFileError(f"the file that {variable} names cannot be read") from exc
    if not sys.stdin.isatty():
        raise KeyFileError(
            "a passphrase is needed and there is no terminal to ask on",
            hint=f"set {variable} to a file that holds it",
        )
    passphrase = getpass.getpass("passphrase: ")
    if confirm and getpass.getpass("again: ") != passphrase:
        raise KeyFileError("the two passphrases differ")
    return passphrase
