"""The header of an envelope: prefix, recipients, HMAC.

    prefix      magic "SLEV" · version u16 · suite u8 · log2 of the chunk size u8 · nonce 16 bytes
    recipients  count u8 · for each: key id 16 bytes · length u16 · wrapped data key
    hmac        32 bytes over everything before

All integers are little-endian. The prefix never changes in an envelope's life; recipients and
HMAC are replaced when it is rewrapped.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from safelight.vault.envelope.keys import KEY_ID_BYTES
from safelight.vault.envelope.limits import MAX_CHUNK_LOG2, MAX_RECIPIENTS, MIN_CHUNK_LOG2
from safelight.vault.envelope.refusal import refusal
from safelight.vault.envelope.suites import SUITE_BY_NUMBER, KeyKind, Suite

MAGIC, VERSION = b"SLEV", 1
NONCE_BYTES, HMAC_BYTES = 16, 32

_PREFIX = struct.Struct("<4sHBB16s")
_STANZA = struct.Struct(f"<{KEY_ID_BYTES}sH")
PREFIX_BYTES = _PREFIX.size

# Length of a wrapped data key: one for hybrid and archive keys, the modulus for RSA (2048 to 4096
# bits).
_WRAPPED_BYTES = {
    KeyKind.HYBRID: range(1168, 1169),
    KeyKind.ARCHIVE: range(48, 49),
    KeyKind.RSA: range(256, 513),
}
MAX_HEADER_BYTES = PREFIX_BYTES + 1 + MAX_RECIPIENTS * (_STANZA.size + 1168) + HMAC_BYTES


@dataclass(frozen=True)
class Stanza:
    """A data key wrapped for one recipient."""

    key_id: bytes
    wrapped: bytes


@dataclass(frozen=True)
class Header:
    """A parsed header, of which nothing is verified yet.

    Args:
        suite: As the header says.
        chunk_log2: The same.
        nonce: Fresh for each envelope.
        stanzas: One for each recipient, with distinct key ids.
    """

    suite: Suite
    chunk_log2: int
    nonce: bytes
    stanzas: tuple[Stanza, ...]

    @property
    def prefix(self) -> bytes:
        """The part that chunks and wrapped keys are tied to."""
        return _PREFIX.pack(MAGIC, VERSION, self.suite.number, self.chunk_log2, self.nonce)

    def authenticated(self) -> bytes:
        """Everything that the HMAC is over."""
        parts = [self.prefix, bytes([len(self.stanzas)])]
        for stanza in self.stanzas:
            parts += [_STANZA.pack(stanza.key_id, len(stanza.wrapped)), stanza.wrapped]
        return b"".join(parts)


def parse_header(data: bytes | memoryview) -> tuple[Header, bytes, int]:
    """Reads a header, strictly.

    Args:
        data: The beginning of an envelope: all of it, or at least `MAX_HEADER_BYTES`.

    Returns:
        The header, its HMAC, and where the chunks start.

    Raises:
        EnvelopeError: anything that no release writes.
    """
    if len(data) < PREFIX_BYTES + 1:
        raise refusal()
    magic, version, number, chunk_log2, nonce = _PREFIX.unpack_from(data)
    suite = SUITE_BY_NUMBER.get(number)
    count = data[PREFIX_BYTES]
    if (
        magic != MAGIC
        or version != VERSION
        or suite is None
        or not MIN_CHUNK_LOG2 <= chunk_log2 <= MAX_CHUNK_LOG2
        or not 1 <= count <= MAX_RECIPIENTS
    ):
        raise refusal()
    position = PREFIX_BYTES + 1
    stanzas = []
    for _ in range(count):
        if len(data) < position + _STANZA.size:
            raise refusal()
        key_id, length = _STANZA.unpack_from(data, position)
        position += _STANZA.size
        if length not in _WRAPPED_BYTES[suite.key_kind] or len(data) < position + length:
            raise refusal()
        stanzas.append(Stanza(key_id, bytes(data[position : position + length])))
        position += length
    if len({stanza.key_id for stanza in stanzas}) != count:
        raise refusal()
    hmac = bytes(data[position : position + HMAC_BYTES])
    if len(hmac) != HMAC_BYTES:
        raise refusal()
    return Header(suite, chunk_log2, nonce, tuple(stanzas)), hmac, position + HMAC_BYTES
