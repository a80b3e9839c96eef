"""Height and width that a compressed frame announces, read before any decoder sees it.

A DICOM data set states its rows and columns, and so does each JPEG or JPEG 2000 codestream in
it. Decoders allocate what the codestream says; a few bytes can announce gigabytes.
"""

from __future__ import annotations

import struct

_STANDALONE_MARKERS = frozenset([0x01, *range(0xD0, 0xD9)])
_NOT_A_FRAME_HEADER = frozenset([0xC4, 0xC8, 0xCC])
_JPEG_LS_FRAME_HEADER = 0xF7
_JPEG2000_START = b"\xff\x4f\xff\x51"


def jpeg_size(codestream: bytes) -> tuple[int, int] | None:
    """``(height, width)`` of a JPEG or JPEG-LS codestream, or None if there is no frame header.

    **Source**: ITU-T T.81 B.2.2; T.87 C.2.2.
    """
    position = 2
    if codestream[:2] != b"\xff\xd8":
        return None
    while position + 9 <= len(codestream):
        if codestream[position] != 0xFF:
            return None
        marker = codestream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker in _STANDALONE_MARKERS:
            position += 2
            continue
        is_frame = 0xC0 <= marker <= 0xCF and marker not in _NOT_A_FRAME_HEADER
        if is_frame or marker == _JPEG_LS_FRAME_HEADER:
            height, width = struct.unpack_from(">HH", codestream, position + 5)
            return int(height), int(width)
        position += 2 + int(struct.unpack_from(">H", codestream, position + 2)[0])
    return None


def jpeg2000_size(codestream: bytes) -> tuple[int, int] | None:
    """``(height, width)`` of a JPEG 2000 codestream or JP2 file, or None without SIZ marker.

    **Source**: ITU-T T.800 A.5.1.
    """
    start = codestream.find(_JPEG2000_START)
    if start < 0 or len(codestream) < start + 24:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", codestream, start + 8)
    return int(bottom) - int(top), int(right) - int(left)
