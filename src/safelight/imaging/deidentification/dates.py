"""Moving dates by days, in DICOM's own notations."""

from __future__ import annotations

import datetime
import re

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")


def shift_date(value: str, days: int) -> str | None:
    """A DA or DT value, so many days earlier; None for anything but a full date.

    The time of day and the offset from UTC of a DT value stay. A year, or a year with a month,
    cannot be moved by days and would tell the true one.

    Args:
        value: ``YYYYMMDD``, the retired ``YYYY.MM.DD``, or a DT value that begins so.
        days: Positive for earlier.
    """
    text = value.strip()
    match = _DATE.match(text)
    if match is None:
        return None
    rest = text[match.end() :]
    if rest and not re.fullmatch(r"[0-9.]*([+-]\d{4})?", rest):
        return None
    try:
        moved = datetime.date(*(int(part) for part in match.groups())) - datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None
    return f"{moved:%Y%m%d}{rest}" if moved.year >= 1000 else None
