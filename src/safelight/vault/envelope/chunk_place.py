"""Where a chunk belongs, in bytes that its cipher binds."""

from __future__ import annotations

import struct

_PLACE = struct.Struct("<QB")


def chunk_place(bound: bytes, index: int, final: bool) -> bytes:
    """Associated data of a chunk: what the envelope is bound to, index, and whether it ends it."""
    return bound + _PLACE.pack(index, final)
