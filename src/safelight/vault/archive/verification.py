"""Whether everything in the archive is what was stored, and what lies about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from safelight.errors import ArchiveError, ImageError
from safelight.vault.archive.archive import Archive


@dataclass(frozen=True)
class VerificationReport:
    """What was found.

    Args:
        checked: Objects that are what was stored.
        failed: Ids of objects that are not, or that are missing.
        strays: Objects and temporary files without a row: left by writers that were killed.
        cleaned: Whether the strays were removed.
    """

    checked: int
    failed: tuple[str, ...]
    strays: int
    cleaned: bool


def verify_archive(
    archive: Archive,
    *,
    clean: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> VerificationReport:
    """Opens every object and compares content and pixels with the index.

    Args:
        archive: Open.
        clean: Whether to remove what killed writers left; needs the archive to be writable.
        progress: Told how many of how many objects are done.
    """
    rows = [row.id.hex() for row in archive.index.rows()]
    failed = []
    for number, object_id in enumerate(rows):
        try:
            archive.verified_content(archive.find(object_id))
        except (ArchiveError, ImageError):
            failed.append(object_id)
        progress(number + 1, len(rows))
    if not clean:
        strays = len(_strays(archive)) + len(archive.store.leftovers())
    else:
        with archive.index.writing():  # nobody is in the middle of a put
            strays = _clean(archive)
    return VerificationReport(len(rows) - len(failed), tuple(failed), strays, clean)


def _clean(archive: Archive) -> int:
    """Removes what has no row, and what is being removed; gives how much that was."""
    strays, leftovers = _strays(archive), archive.store.leftovers()
    for name in strays:
        archive.store.remove(name)
    for path in leftovers:
        path.unlink(missing_ok=True)
    for leaving in archive.index.leaving():
        archive.store.remove(leaving.hex())
        archive.index.drop(leaving)
    return len(strays) + len(leftovers)


def _strays(archive: Archive) -> list[str]:
    known = {row.id.hex() for row in archive.index.rows()}
    return sorted(name for name in archive.store.names() if name not in known)
