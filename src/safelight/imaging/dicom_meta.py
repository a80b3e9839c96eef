"""Where the data set of a deflated DICOM file starts, so that its size can be bounded.

pydicom inflates a deflated file without a limit; this finds the stream beforehand.
"""

from __future__ import annotations

import struct

from safelight.imaging.bounded_inflate import RAW_DEFLATE_WBITS, inflate
from safelight.imaging.limits import MAX_INFLATED_BYTES

_DEFLATED_SYNTAX = b"1.2.840.10008.1.2.1.99"
_META_GROUP = 0x0002
_TRANSFER_SYNTAX_ELEMENT = 0x0010
_LONG_VRS = frozenset([b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT", b"OD", b"OL", b"UC", b"UR"])


def check_deflated(content: bytes) -> None:
    """Refuses a deflated file that is damaged or expands beyond `MAX_INFLATED_BYTES`.

    Args:
        content: Of the whole file; nothing happens when its transfer syntax is not deflated.
    """
    start = _deflated_start(content)
    if start is not None:
        inflate(content[start:], wbits=RAW_DEFLATE_WBITS, limit_bytes=MAX_INFLATED_BYTES)


def _deflated_start(content: bytes) -> int | None:
    """Walks file meta information, which is explicit VR little endian (PS3.10 7.1)."""
    position = 132 if content[128:132] == b"DICM" else 0
    deflated = False
    while position + 8 <= len(content):
        group, element = struct.unpack_from("<HH", content, position)
        if group != _META_GROUP:
            return position if deflated else None
        if content[position + 4 : position + 6] in _LONG_VRS:
            if position + 12 > len(content):
                return None
            value, length = position + 12, struct.unpack_from("<I", content, position + 8)[0]
        else:
            value, length = position + 8, struct.unpack_from("<H", content, position + 6)[0]
        if element == _TRANSFER_SYNTAX_ELEMENT:
            deflated = content[value : value + length].rstrip(b"\0 ") == _DEFLATED_SYNTAX
        position = value + int(length)
    return None
