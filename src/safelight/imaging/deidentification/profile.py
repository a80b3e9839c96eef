"""Table E.1-1 of PS3.15, and what it says about one attribute under given options.

The table is the 2024b edition, complete with its options; rows that later editions added, up to
2026c, are there with their basic action alone, so options do not retain them.

**Source**: DICOM PS3.15 2024b, table E.1-1; types of attributes from PS3.3.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

EDITION = "PS3.15 2024b, with rows added up to 2026c"

OPTION_COLUMNS = (
    "safe_private",
    "uids",
    "device",
    "institution",
    "patient",
    "full_dates",
    "modified_dates",
    "descriptors",
    "structured",
    "graphics",
)


class Action(StrEnum):
    """The action codes of PS3.15 E.1.1."""

    DUMMY = "D"
    EMPTY = "Z"
    REMOVE = "X"
    KEEP = "K"
    CLEAN = "C"
    UID = "U"


@dataclass(frozen=True)
class Row:
    """One attribute.

    Args:
        tag: Group and element as one number.
        basic: Action code or codes, such as ``X/Z/D``.
        options: ``K`` or ``C`` by column.
        edition: Which edition the row is from.
    """

    tag: int
    basic: str
    options: dict[str, str]
    edition: str


@cache
def table() -> dict[int, Row]:
    """All rows by tag."""
    source = files("safelight.imaging.deidentification") / "tables" / "ps3.15-table-e.1-1.csv"
    with source.open(encoding="utf-8") as file:
        return {
            int(line["tag"], 16): Row(
                int(line["tag"], 16),
                line["basic"],
                {name: line[name] for name in OPTION_COLUMNS if line[name]},
                line["edition"],
            )
            for line in csv.DictReader(file)
        }


@cache
def _requirements() -> tuple[dict[str, dict[str, int]], dict[str, int]]:
    source = files("safelight.imaging.deidentification") / "tables" / "required-attributes.json"
    document = json.loads(source.read_text(encoding="utf-8"))
    iods: dict[str, dict[str, int]] = document["iods"]
    by_class = {uid: iods[iod] for uid, iod in document["sop_classes"].items()}
    return by_class, document["nested"]


def attribute_type(sop_class: str, parent: str, keyword: str) -> int:
    """1, 2 or 3: whether the object needs a value, the attribute, or neither.

    Args:
        sop_class: UID of the whole object.
        parent: Keyword of the sequence that the attribute is in; empty at the top.
        keyword: Of the attribute.

    Returns:
        The type; conditional types count as if the condition held. For a SOP class that we do not
        know it is 1, which keeps an attribute, with a dummy value.
    """
    by_class, nested = _requirements()
    if parent:
        return nested.get(f"{parent}/{keyword}", 3)
    if sop_class not in by_class:
        return 1
    return by_class[sop_class].get(keyword, 3)


def option_action(row: Row, columns: frozenset[str]) -> Action | None:
    """What the chosen options say: keeping comes before cleaning; None if they say nothing."""
    found = {code for name, code in row.options.items() if name in columns}
    if "K" in found:
        return Action.KEEP
    return Action.CLEAN if "C" in found else None


def basic_action(basic: str, needed: int) -> Action:
    """One action out of an alternative.

    Args:
        basic: The table's code, such as ``X/Z/D``: the first that leaves the object conformant.
        needed: Type of the attribute in this object.
    """
    if basic == "X/Z/U*":
        return Action.REMOVE if needed == 3 else Action.UID
    codes = [Action(code) for code in basic.split("/")]
    allowed = {
        1: (Action.DUMMY, Action.UID),
        2: (Action.EMPTY, Action.DUMMY, Action.UID),
        3: tuple(Action),
    }[needed]
    return next((code for code in codes if code in allowed), codes[-1])
