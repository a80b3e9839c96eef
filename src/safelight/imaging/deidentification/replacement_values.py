"""Dummy values, by value representation."""

from __future__ import annotations

from typing import Any

DUMMY_DATE = "19000101"

_DUMMIES: dict[str, Any] = {
    "AE": "REMOVED",
    "AS": "000Y",
    "CS": "REMOVED",
    "DA": DUMMY_DATE,
    "DS": "0",
    "DT": f"{DUMMY_DATE}000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "LO": "REMOVED",
    "LT": "REMOVED",
    "OB": b"\0\0",
    "OW": b"\0\0",
    "PN": "REMOVED",
    "SH": "REMOVED",
    "SL": 0,
    "SS": 0,
    "ST": "REMOVED",
    "SV": 0,
    "TM": "000000",
    "UC": "REMOVED",
    "UL": 0,
    "UN": b"\0\0",
    "UR": "urn:removed",
    "US": 0,
    "UT": "REMOVED",
    "UV": 0,
}


def dummy_value(vr: str) -> Any:
    """A value that says nothing; None where a representation has no dummy."""
    return _DUMMIES.get(vr)
