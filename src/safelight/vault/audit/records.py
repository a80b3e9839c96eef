"""The records of the file of entries: length, CRC-32, content.

The checksum is for crashes only: it tells a record that was written in full from one that was
not, at the end of the file. Against people there is the tree.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from safelight.vault.audit.entry import MAX_ENTRY_BYTES

FILE_START = b"safelight-audit-1\n"

_HEAD = struct.Struct(">HI")
_CHUNK_BYTES = 1 << 20


def encode_record(content: bytes) -> bytes:
    """An entry as it stands in the file."""
    return _HEAD.pack(len(content), zlib.crc32(content)) + content


def decode_record(data: bytes) -> bytes | None:
    """The entry of exactly one record, or None if it is not one."""
    if len(data) < _HEAD.size:
        return None
    size, checksum = _HEAD.unpack_from(data)
    content = data[_HEAD.size :]
    if size != len(content) or size > MAX_ENTRY_BYTES or zlib.crc32(content) != checksum:
        return None
    return content


def whole_records(file: BinaryIO, position: int) -> Iterator[tuple[bytes, int]]:
    """Entries from ``position`` on, each with the position of its end, up to the first that is
    not whole.
    """
    file.seek(position)
    data = b""
    while True:
        chunk = file.read(_CHUNK_BYTES)
        data += chunk
        start = 0
        while len(data) - start >= _HEAD.size:
            size, _ = _HEAD.unpack_from(data, start)
            stop = start + _HEAD.size + size
            if stop > len(data):
                break
            content = decode_record(data[start:stop])
            if content is None:
                return
            position += stop - start
            yield content, position
            start = stop
        data = data[start:]
        if not chunk:
            return
