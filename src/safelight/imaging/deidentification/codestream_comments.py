"""Comments inside compressed frames: nobody sees them in a viewer, and they may say anything.

JPEG has comment and application segments (camera make, dates, place in EXIF); JPEG 2000 has
comment segments. Only what decoders need stays: JFIF and Adobe's colour transform.

**Source**: ITU-T T.81 B.2.4; T.87 C.1; T.800 A.9.2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

_JPEG_START, _JPEG2000_START = b"\xff\xd8", b"\xff\x4f\xff\x51"
_START_OF_SCAN = 0xDA
_COMMENT = 0xFE
_APPLICATION = range(0xE0, 0xF0)
# APP0 is JFIF; APP8 carries the colour transform of JPEG-LS, APP14 Adobe's
_NEEDED_APPLICATION = (0xE0, 0xE8, 0xEE)
_JPEG2000_COMMENT, _START_OF_TILE = 0x64, 0x90


def without_comments(codestream: bytes) -> bytes:
    """The codestream without comments in its headers; the same object if it has none.

    Args:
        codestream: JPEG, JPEG-LS or a raw JPEG 2000 codestream; others are given back as they
            are, and so is one whose segments cannot be followed.
    """
    if codestream.startswith(_JPEG2000_START):
        return _rebuilt(codestream, _START_OF_TILE, lambda marker: marker == _JPEG2000_COMMENT)
    if codestream.startswith(_JPEG_START):
        return _rebuilt(codestream, _START_OF_SCAN, _is_jpeg_comment)
    return codestream


def _is_jpeg_comment(marker: int) -> bool:
    return marker == _COMMENT or (marker in _APPLICATION and marker not in _NEEDED_APPLICATION)


def _rebuilt(codestream: bytes, end: int, is_comment: Callable[[int], bool]) -> bytes:
    kept = [codestream[:2]]
    position, found = 2, False
    while position + 4 <= len(codestream):
        if codestream[position] != 0xFF:
            return codestream
        marker = codestream[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == end:
            kept.append(codestream[position:])
            return b"".join(kept) if found else codestream
        length = 2 + int(struct.unpack_from(">H", codestream, position + 2)[0])
        if is_comment(marker):
            found = True
        else:
            kept.append(codestream[position : position + length])
        position += length
    return codestream
