"""From a DICOM file to what the archive seals: everything that can fail without the archive."""

from __future__ import annotations

from dataclasses import dataclass

from safelight.imaging.deidentification import (
    DeidentificationOptions,
    DeidentificationReport,
    IdentifierKey,
    deidentify,
)
from safelight.imaging.jpeg2000_recoding import dicom_summary, recode


@dataclass(frozen=True, repr=False)
class Prepared:
    """A file ready for sealing.

    Args:
        content: De-identified, and JPEG 2000 where ``form`` says so.
        form: See `safelight.imaging.jpeg2000_recoding.Recoded`.
        pixel_digest: The same.
        summary: Attributes for the index.
        report: Of the de-identification.
    """

    content: bytes
    form: str
    pixel_digest: str
    summary: dict[str, str]
    report: DeidentificationReport


def prepare(
    content: bytes,
    options: DeidentificationOptions,
    key: IdentifierKey,
    *,
    ratio: float | None = None,
) -> Prepared:
    """De-identifies and compresses a file.

    Args:
        content: Of a DICOM file.
        options: Of the de-identification.
        key: Of replaced identifiers.
        ratio: As in `recode`.

    Raises:
        DeidentificationError: refused.
        ImageError: damaged, or a ratio that is none.
    """
    clean, report = deidentify(content, options, key)
    recoded = recode(clean, ratio=ratio, derived_uid=lambda uid: key.uid(f"lossy {uid}"))
    summary = dicom_summary(recoded.content)
    return Prepared(recoded.content, recoded.form, recoded.pixel_digest, summary, report)
