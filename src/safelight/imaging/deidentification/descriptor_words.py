"""Cleaning descriptions: only words that are known to be harmless stay.

A list of words that may stay, and not of words that may not: a name that nobody thought of is
removed, at the price of words that the list lacks.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

_SEPARATORS = re.compile(r"[\s,;:/\\|()\[\]{}<>=\"'^~&]+")
_PARTS = re.compile(r"[-_.+*]+")
# a number with its unit, as in 5MM or 120KV, or a single digit; never a bare longer number, which
# may be part of a date or an identifier
_MEASURE = re.compile(r"\d{1,3}([.,]\d{1,3})?(mm|cm|m|kv|kvp|ma|mas|s|sec|ms|deg|hu|d)|\d")


@cache
def _words() -> frozenset[str]:
    source = files("safelight.imaging.deidentification") / "tables" / "descriptor-words.txt"
    lines = source.read_text(encoding="ascii").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def cleaned(text: str) -> str:
    """The text's known words and short numbers, in order, with single spaces."""
    kept = []
    for token in _SEPARATORS.split(text):
        if _is_known(token) or _MEASURE.fullmatch(token.lower()):
            kept.append(token)
        else:
            kept += [part for part in _PARTS.split(token) if _is_known(part)]
    return " ".join(kept)


def _is_known(token: str) -> bool:
    return token.lower() in _words()
