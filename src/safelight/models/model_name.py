"""What a model may be called, and a name made of a file's."""

from __future__ import annotations

import re
import unicodedata

from safelight.errors import InputError

MAX_NAME = 64
NAME = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_NAME - 1}}}")
"""It stands in addresses and in file names."""


def check_name(name: str) -> None:
    """Refuses what cannot be the name of a model.

    Raises:
        InputError: It is not up to 64 lower-case letters, digits and hyphens.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a model",
            hint=f"use up to {MAX_NAME} lower-case letters, digits and hyphens",
        )


def name_from(text: str, *suffixes: str, otherwise: str) -> str:
    """A name made of a file's or folder's: ``My Däta (1)`` becomes ``my-data-1``.

    Args:
        text: Anything.
        suffixes: Names to end with, after a hyphen each; ``text`` is cut so that they fit.
        otherwise: In place of a text without a Latin letter or digit.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    ending = "".join(f"-{suffix}" for suffix in suffixes)
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or otherwise
    return found[: MAX_NAME - len(ending)].rstrip("-") + ending
