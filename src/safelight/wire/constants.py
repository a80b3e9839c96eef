"""A program's constant vectors: a table of distinct values, indices into it, compressed.

Convolutions and replicated dense layers repeat few weights over many slots, so the diagonals of a
program are mostly zeros and repetitions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from safelight.errors import MalformedError
from safelight.wire.frame import Buffer

# number of distinct values, number of vectors, bytes of an index, reserved
FIELDS = struct.Struct("<QIB3s")
_RESERVED = bytes(3)

_COMPRESSION_LEVEL = 3  # 9 takes three times as long for 3 % less
# A Zstandard block makes at most 128 kB out of 4 bytes (RFC 8878, 3.1.1.2): more is a lie.
_MAX_EXPANSION = 1 << 15

Vector = NDArray[np.float64]


def encode_constants(vectors: Sequence[Vector], slots: int) -> tuple[bytes, bytes]:
    """Header fields and compressed payload.

    Args:
        vectors: Distinct float64 vectors ``[slots]``, all values finite.
        slots: Their length.

    Raises:
        MalformedError: A vector of another shape, or values that are not finite.
    """
    for vector in vectors:
        if vector.shape != (slots,) or vector.dtype != np.float64:
            raise MalformedError(
                f"a constant of shape {list(vector.shape)} and type {vector.dtype}, "
                f"not [{slots}] and float64"
            )
    if not vectors:
        return FIELDS.pack(0, 0, 1, _RESERVED), b""
    # bit patterns, not numbers: −0.0 stays −0.0
    patterns = [np.ascontiguousarray(vector).view(np.uint64) for vector in vectors]
    table = np.unique(np.concatenate([np.unique(pattern) for pattern in patterns]))
    _check_finite(table.view(np.float64))
    width = _index_bytes(len(table))
    raw = bytearray(table.astype("<u8").tobytes())
    for pattern in patterns:
        raw += np.searchsorted(table, pattern).astype(f"<u{width}").tobytes()
    payload = zstandard.ZstdCompressor(
        level=_COMPRESSION_LEVEL, write_content_size=True, write_checksum=False
    ).compress(bytes(raw))
    return FIELDS.pack(len(table), len(vectors), width, _RESERVED), payload


def decode_constants(
    fields: tuple[Any, ...], payload: Buffer, slots: int, limit: int
) -> NDArray[np.float64]:
    """The vectors, float64 ``[vectors, slots]``, read-only.

    Args:
        fields: The unpacked `FIELDS`.
        payload: One Zstandard frame, or nothing where there are no vectors.
        slots: Length of a vector.
        limit: Most bytes that the vectors may occupy; table and indices take at most twice that
            while they are read.

    Raises:
        MalformedError: Above the limit, a payload that is not what the fields announce, values
            that are not finite or not in the one order, indices beyond the table.
    """
    value_count, vector_count, width, reserved = fields
    if reserved != _RESERVED:
        raise MalformedError("reserved bytes are not zero")
    index_count = vector_count * slots
    if 8 * index_count > limit:
        raise MalformedError(f"constants of {8 * index_count} bytes, above the limit of {limit}")
    raw_bytes = 8 * value_count + width * index_count
    no_values = value_count == 0
    if (
        width != _index_bytes(value_count)
        or value_count > index_count
        or no_values != (vector_count == 0)
    ):
        raise MalformedError("the sizes of table, indices and vectors do not fit together")
    if vector_count == 0:
        if len(payload):
            raise MalformedError("a payload where there are no constants")
        return np.empty((0, slots))
    raw = _decompress(payload, raw_bytes)
    patterns = np.frombuffer(raw, dtype="<u8", count=value_count)
    if not (patterns[1:] > patterns[:-1]).all():
        raise MalformedError("the table of constants is not in ascending order")
    table = patterns.astype(np.uint64).view(np.float64)
    _check_finite(table)
    indices = np.frombuffer(raw, dtype=f"<u{width}", offset=8 * value_count)
    return _look_up(table, indices.reshape(vector_count, slots))


def _look_up(table: Vector, indices: NDArray[Any]) -> NDArray[np.float64]:
    out = np.empty(indices.shape)
    used = np.zeros(len(table), dtype=np.bool_)
    for row, index in zip(out, indices, strict=True):  # row by row: no wide copy of the indices
        if int(index.max()) >= len(table):
            raise MalformedError("an index beyond the table of constants")
        row[:] = table[index]
        used[index] = True
    if not used.all():
        raise MalformedError("the table of constants has values that nothing uses")
    out.flags.writeable = False
    return out


def _decompress(payload: Buffer, size: int) -> bytes:
    """One frame of exactly ``size`` bytes, which the caller has held against its limit."""
    if size > len(payload) * _MAX_EXPANSION:
        raise MalformedError("the compressed constants are too short for what they announce")
    frame = bytes(payload)
    try:
        # read before decompressing, which allocates as much as the frame claims
        claimed = zstandard.get_frame_parameters(frame)
        if claimed.content_size != size or claimed.dict_id:
            raise MalformedError("the compressed constants are not of the announced size")
        raw: bytes = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as exc:
        raise MalformedError("the constants are not one Zstandard frame") from exc
    if len(raw) != size:
        raise MalformedError("the compressed constants are not of the announced size")
    return raw


def _index_bytes(value_count: int) -> int:
    return 1 if value_count <= 1 << 8 else 2 if value_count <= 1 << 16 else 4


def _check_finite(values: Vector) -> None:
    if not np.isfinite(values).all():
        raise MalformedError("a constant is not a finite number")
