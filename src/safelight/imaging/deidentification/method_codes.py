"""What was applied, in the codes of context group 7050.

**Source**: DICOM PS3.16 CID 7050; PS3.15 E.2, E.3.
"""

from __future__ import annotations

from safelight.imaging.deidentification.options import DeidentificationOptions

BASIC_PROFILE = ("113100", "Basic Application Confidentiality Profile")

_OPTION_CODES = {
    "graphics": ("113103", "Clean Graphics Option"),
    "structured": ("113104", "Clean Structured Content Option"),
    "descriptors": ("113105", "Clean Descriptors Option"),
    "full_dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified_dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient": ("113108", "Retain Patient Characteristics Option"),
    "device": ("113109", "Retain Device Identity Option"),
    "uids": ("113110", "Retain UIDs Option"),
    "safe_private": ("113111", "Retain Safe Private Option"),
    "institution": ("113112", "Retain Institution Identity Option"),
}

_TEMPORAL = {"remove": "REMOVED", "shift": "MODIFIED", "keep": "UNMODIFIED"}


def method_codes(options: DeidentificationOptions) -> list[tuple[str, str]]:
    """Code values and meanings, the basic profile first."""
    chosen = [_OPTION_CODES[name] for name in options.columns]
    return [BASIC_PROFILE, *sorted(chosen)]


def temporal_information(options: DeidentificationOptions) -> str:
    """Value of Longitudinal Temporal Information Modified (0028,0303)."""
    return _TEMPORAL[options.dates]
