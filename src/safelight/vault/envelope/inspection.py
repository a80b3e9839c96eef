"""What an envelope says of itself, without a key: nothing of it is verified."""

from __future__ import annotations

from dataclasses import dataclass

from safelight.vault.envelope.header import VERSION, parse_header


@dataclass(frozen=True)
class EnvelopeSummary:
    """A header's claims.

    Args:
        version: Of the format.
        suite: Its label.
        key_ids: Of the recipients, in hex.
        chunk_bytes: Of each chunk but the last, in the clear.
        header_bytes: Up to the first chunk.
    """

    version: int
    suite: str
    key_ids: tuple[str, ...]
    chunk_bytes: int
    header_bytes: int


def inspect_envelope(beginning: bytes) -> EnvelopeSummary:
    """Reads a header.

    Args:
        beginning: The first `MAX_HEADER_BYTES` of an envelope, or all of it.

    Raises:
        EnvelopeError: not an envelope.
    """
    header, _, end = parse_header(beginning)
    return EnvelopeSummary(
        version=VERSION,
        suite=header.suite.label,
        key_ids=tuple(stanza.key_id.hex() for stanza in header.stanzas),
        chunk_bytes=1 << header.chunk_log2,
        header_bytes=end,
    )
