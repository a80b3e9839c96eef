"""Opening an object, and comparing what is in it with what the index says."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from safelight.errors import ArchiveError, EnvelopeError
from safelight.imaging.jpeg2000_recoding import decoded_digest
from safelight.vault.archive.record import Record
from safelight.vault.envelope.keys import PrivateKey
from safelight.vault.envelope.opening import open_bytes
from safelight.vault.envelope.suites import Suite

_ACCEPT = frozenset({Suite.ARCHIVE_GCM})


def checked_content(
    sealed: bytes, object_id: bytes, record: Record, keys: Sequence[PrivateKey]
) -> bytes:
    """The DICOM file in an object.

    Args:
        sealed: The envelope.
        object_id: Its context.
        record: What the index says.
        keys: Of the archive.

    Raises:
        ArchiveError: it is not what was stored.
        ImageError: its pixels do not decode any more.
    """
    changed = ArchiveError(
        "an object is not what was stored", hint="restore the archive's objects from a copy"
    )
    try:
        content = open_bytes(sealed, keys, accept=_ACCEPT, context=object_id)
    except EnvelopeError:
        raise changed from None
    if hashlib.sha256(content).hexdigest() != record.content_sha256:
        raise changed
    if record.pixel_sha256 and decoded_digest(content) != record.pixel_sha256:
        raise ArchiveError(
            "an object's pixels do not decode as they did",
            hint="the content is as stored: compare the versions of the decoders",
        )
    return content
