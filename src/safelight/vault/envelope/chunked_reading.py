"""Reads a stream block by block, one ahead, so that the last block is known to be the last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO


def blocks(stream: BinaryIO, size: int, first: bytes = b"") -> Iterator[tuple[memoryview, bool]]:
    """Blocks of ``size`` bytes, the last one shorter or equal, with whether it is the last.

    A block is valid until the next one is asked for: two buffers are used in turn. An empty
    stream gives one empty block.

    Args:
        stream: Read to its end; ``read`` may give less than asked for, as pipes do.
        size: At least 1.
        first: Bytes that were read before.
    """
    buffers = (memoryview(bytearray(size)), memoryview(bytearray(size)))
    current = 0
    pending = memoryview(first)
    filled, pending = _fill(stream, buffers[0], pending)
    while True:
        following, pending = (
            _fill(stream, buffers[1 - current], pending) if filled == size else (0, pending)
        )
        yield buffers[current][:filled], following == 0
        if following == 0:
            return
        current, filled = 1 - current, following


def _fill(stream: BinaryIO, buffer: memoryview, pending: memoryview) -> tuple[int, memoryview]:
    filled = min(len(pending), len(buffer))
    buffer[:filled] = pending[:filled]
    readinto = getattr(stream, "readinto", None)
    while filled < len(buffer):
        if readinto is not None:
            count = readinto(buffer[filled:])
        else:
            data = stream.read(len(buffer) - filled)
            count = len(data)
            buffer[filled : filled + count] = data
        if not count:
            break
        filled += count
    return filled, pending[filled:] if len(pending) > filled else pending[:0]
