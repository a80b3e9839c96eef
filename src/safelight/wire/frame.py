"""The prologue that every binary message opens with: magic, kind, version, flags, length."""

from __future__ import annotations

import struct
from enum import IntEnum

from safelight.errors import (
    MalformedError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedVersionError,
)

Buffer = bytes | bytearray | memoryview

MAGIC = b"SLGT"
VERSION = 1
FLAG_SEEDED = 1
PROLOGUE = struct.Struct("<4sBBHQ")
DIGEST_BYTES = 32


class Kind(IntEnum):
    """What a message is."""

    CIPHERTEXT = 1
    KEY = 2
    REQUEST = 3
    PROGRAM = 4
    RESULT = 5
    SEALED_REQUEST = 6


def encode_prologue(kind: Kind, length: int, flags: int = 0) -> bytes:
    """The first 16 bytes of a message of ``length`` bytes in all."""
    return PROLOGUE.pack(MAGIC, kind, VERSION, flags, length)


def decode_prologue(
    data: Buffer, kind: Kind, *, header_bytes: int, flags: int = 0
) -> tuple[int, int]:
    """Flags and total length of a message, of which ``data`` may be just the beginning.

    Args:
        data: At least the header of the message.
        kind: The only kind that is accepted.
        header_bytes: Length of the kind's fixed header, prologue included.
        flags: All flags that the kind knows.

    Raises:
        TruncatedError: The header is not all there.
        MalformedError: Not our bytes, another kind, unknown flags, an impossible length.
        UnsupportedVersionError: Another version.
    """
    if len(data) < header_bytes:
        # what is there may already be wrong; a whole prologue is judged first
        if len(data) >= PROLOGUE.size:
            _checked_prologue(data, kind, header_bytes, flags)
        raise TruncatedError(f"{len(data)} bytes, of a header of {header_bytes}")
    return _checked_prologue(data, kind, header_bytes, flags)


def decode_whole(data: Buffer, kind: Kind, *, header_bytes: int, flags: int = 0) -> int:
    """Flags of a message that ``data`` is from its first to its last byte.

    Raises:
        TruncatedError: Shorter than announced.
        TrailingBytesError: Longer than announced.
        WireError: As `decode_prologue`.
    """
    found, length = decode_prologue(data, kind, header_bytes=header_bytes, flags=flags)
    if len(data) < length:
        raise TruncatedError(f"{len(data)} bytes, of {length} announced")
    if len(data) > length:
        raise TrailingBytesError(f"{len(data)} bytes, but {length} announced")
    return found


def check_announced(announced: int, expected: int) -> None:
    """Refuses a length that does not follow from the fields of the header."""
    if announced != expected:
        raise MalformedError(f"a length of {announced} bytes announced where {expected} follow")


def check_digest(digest: bytes, what: str) -> None:
    """Refuses to encode a digest of another size."""
    if len(digest) != DIGEST_BYTES:
        raise MalformedError(f"the digest of the {what} has {len(digest)} bytes")


def _checked_prologue(data: Buffer, kind: Kind, header_bytes: int, known: int) -> tuple[int, int]:
    magic, found, version, flags, length = PROLOGUE.unpack_from(data)
    if magic != MAGIC:
        raise MalformedError("not a Safelight message: the magic bytes differ")
    if found != kind:
        raise MalformedError(f"a message of kind {found}, not {int(kind)} ({kind.name.lower()})")
    if version != VERSION:
        raise UnsupportedVersionError(
            f"format version {version}; this release reads version {VERSION}",
            hint="client and service must both be of a release that speaks the same version",
        )
    if flags & ~known:
        raise MalformedError(f"unknown flags 0x{flags & ~known:04x}")
    if length < header_bytes:
        raise MalformedError(f"a length of {length} bytes, below a header of {header_bytes}")
    return flags, length
