"""Arrays over a pipe between the service and the process that holds PyTorch."""

from __future__ import annotations

import os
import select
import struct
import time

# shape: number of axes, then up to four sides
_HEAD = struct.Struct("<B4I")
MAX_BYTES = 1 << 30


def write_array(descriptor: int, shape: tuple[int, ...], data: memoryview) -> None:
    """Sends an array of numbers."""
    sides = (*shape, *([0] * (4 - len(shape))))
    _write(descriptor, memoryview(_HEAD.pack(len(shape), *sides)))
    _write(descriptor, data.cast("B"))


def read_array(
    descriptor: int, item_bytes: int, *, deadline: float | None = None
) -> tuple[tuple[int, ...], bytearray]:
    """Receives an array; its owner overwrites the bytes after use.

    Args:
        descriptor: Of the pipe.
        item_bytes: Of each number.
        deadline: Of ``time.monotonic()``.

    Raises:
        EOFError: The other side has gone.
        TimeoutError: Nothing came in time.
        ValueError: Not an array of ours.
    """
    axes, *sides = _HEAD.unpack(_read(descriptor, _HEAD.size, deadline))
    shape = tuple(sides[:axes])
    count = item_bytes
    for side in shape:
        count *= side
    if not 0 < axes <= 4 or count > MAX_BYTES:
        raise ValueError("not an array")
    return shape, _read(descriptor, count, deadline)


def _write(descriptor: int, data: memoryview) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _read(descriptor: int, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise TimeoutError
        part = os.readv(descriptor, [view])
        if part == 0:
            raise EOFError
        view = view[part:]
    return data
