"""What the archive hands out about an object."""

from __future__ import annotations

from dataclasses import dataclass

from safelight.imaging.deidentification import DeidentificationReport
from safelight.vault.archive.record import Record


@dataclass(frozen=True)
class StoredObject:
    """An object of the archive.

    Args:
        id: 64 hex digits.
        record: What the index keeps of it.
    """

    id: str
    record: Record


@dataclass(frozen=True)
class PutResult:
    """What a put did.

    Args:
        stored: The object.
        is_new: False if the same content was there already.
        report: Of the de-identification.
    """

    stored: StoredObject
    is_new: bool
    report: DeidentificationReport
