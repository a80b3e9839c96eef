"""Private elements that may stay under the Retain Safe Private option.

**Source**: DICOM PS3.15 E.3.10, of which we take elements that hold numbers.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

_NUMERIC_VRS = frozenset(["DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"])


@cache
def _listed() -> frozenset[tuple[str, int, int]]:
    source = files("safelight.imaging.deidentification") / "tables" / "safe-private.csv"
    with source.open(encoding="utf-8") as file:
        return frozenset(
            (line["creator"], int(line["group"], 16), int(line["element"], 16))
            for line in csv.DictReader(file)
        )


def is_safe_private(creator: str, tag: int, vr: str) -> bool:
    """Whether an element is listed and holds numbers.

    Args:
        creator: Of its block.
        tag: Group and element as one number.
        vr: As in the file; an element of unknown representation is not safe.
    """
    return vr in _NUMERIC_VRS and (creator, tag >> 16, tag & 0xFF) in _listed()
