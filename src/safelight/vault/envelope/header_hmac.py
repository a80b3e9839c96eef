"""The HMAC over a header: nobody without the data key can add, drop or swap recipients."""

from __future__ import annotations

import hashlib
import hmac

from safelight.vault.envelope.header import Header
from safelight.vault.envelope.key_schedule import EnvelopeKeys


def header_hmac(header: Header, keys: EnvelopeKeys) -> bytes:
    """HMAC-SHA-256 over everything before it."""
    return hmac.digest(keys.header, header.authenticated(), hashlib.sha256)


def is_authentic(header: Header, keys: EnvelopeKeys, given: bytes) -> bool:
    """Whether the header is as it was sealed; compares in constant time."""
    return hmac.compare_digest(header_hmac(header, keys), given)
