"""The Content-Digest header of RFC 9530, of which we use sha-256."""

from __future__ import annotations

import base64
import binascii
import re

_SHA256 = re.compile(r"(?:^|,)[ \t]*sha-256=:([A-Za-z0-9+/]{43}=):[ \t]*(?=,|$)")


def parse_content_digest(header: str) -> bytes | None:
    """The SHA-256 that a header announces, or None where it has none."""
    match = _SHA256.search(header)
    if match is None:
        return None
    try:
        return base64.b64decode(match.group(1), validate=True)
    except binascii.Error:
        return None


def content_digest(sha256: bytes) -> str:
    """The header for content with this SHA-256."""
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"
