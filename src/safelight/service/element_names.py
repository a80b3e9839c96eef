"""How the elements of keys are called in URLs and JSON."""

from __future__ import annotations

import re

from safelight.wire.keys import RELINEARIZATION

_RELINEARIZATION_NAME = "relinearization"
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")  # below 2N = 65536


def element_name(element: int) -> str:
    """``relinearization``, or the Galois element in decimal."""
    return _RELINEARIZATION_NAME if element == RELINEARIZATION else str(element)


def element_of(name: str) -> int | None:
    """The element of that name, or None."""
    if name == _RELINEARIZATION_NAME:
        return RELINEARIZATION
    return int(name) if _NUMBER.fullmatch(name) else None
