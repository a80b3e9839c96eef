"""What storage costs: original DICOM, JPEG 2000, sealed. Nothing is kept."""

from __future__ import annotations

from dataclasses import dataclass

from safelight.imaging.deidentification import DeidentificationOptions, IdentifierKey
from safelight.vault.archive.preparation import prepare
from safelight.vault.envelope.archive_key import ArchiveKey
from safelight.vault.envelope.sealing import seal_bytes
from safelight.vault.envelope.suites import Suite

LARGE_BYTES = 256_000
"""From here on an envelope should cost less than a thousandth."""


@dataclass(frozen=True)
class StorageCost:
    """One file.

    Args:
        form: How the pixels were kept, see `safelight.imaging.jpeg2000_recoding`.
        original_bytes: Of the file as given.
        content_bytes: De-identified, and as JPEG 2000 where ``form`` says so.
        sealed_bytes: Of the envelope.
    """

    form: str
    original_bytes: int
    content_bytes: int
    sealed_bytes: int

    @property
    def overhead_percent(self) -> float:
        """How much larger the envelope is than what is in it."""
        return 100.0 * (self.sealed_bytes / self.content_bytes - 1.0)


def storage_cost(content: bytes, *, ratio: float | None = None) -> StorageCost:
    """Prepares and seals a DICOM file as a put would, under keys that are thrown away.

    Args:
        content: Of the file.
        ratio: As in `recode`.

    Raises:
        DeidentificationError: not a DICOM object.
        ImageError: damaged.
    """
    key = IdentifierKey.generate()
    options = DeidentificationOptions(pixels_are_clean=True)  # nobody will see the result
    prepared = prepare(content, options, key, ratio=ratio)
    sealed = seal_bytes(
        prepared.content, [ArchiveKey.generate()], suite=Suite.ARCHIVE_GCM, context=bytes(32)
    )
    return StorageCost(prepared.form, len(content), len(prepared.content), len(sealed))
