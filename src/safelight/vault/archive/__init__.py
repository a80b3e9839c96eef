"""The archive: DICOM in, de-identified, JPEG 2000, sealed, stored, found again.

A folder with a keyring (an envelope for the people who may use the archive), an encrypted index
in SQLite, and sealed objects, here or under a URL. See docs/how-to/archive-images.md.
"""

from safelight.vault.archive.archive import Archive
from safelight.vault.archive.creation import create_archive, open_archive
from safelight.vault.archive.rotation import rewrap_archive
from safelight.vault.archive.stored_object import PutResult, StoredObject
from safelight.vault.archive.verification import VerificationReport, verify_archive

__all__ = [
    "Archive",
    "PutResult",
    "StoredObject",
    "VerificationReport",
    "create_archive",
    "open_archive",
    "rewrap_archive",
    "verify_archive",
]
