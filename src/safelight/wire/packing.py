"""Residues packed to the bits of their prime: a 40-bit prime costs 5 bytes a residue, not 8.

Residue i of a row occupies bits [i·bits, (i+1)·bits) of a stream whose bit k is bit k mod 8 of
byte k div 8, least significant first. A row of N residues is N·bits/8 bytes exactly, as N is a
multiple of 64; so rows of one prime may be packed as one. The NumPy functions are the definition;
the native ones, where they are built, give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from safelight.ckks.ciphertext import UInt64Array
from safelight.errors import MalformedError, ResidueRangeError, TrailingBytesError, TruncatedError
from safelight.wire.frame import Buffer

ByteArray = NDArray[np.uint8]

_GROUP = 64  # residues whose bits fill whole 64-bit words
_BLOCK = 512  # groups at a time: 256 kB of residues stay in the second-level cache


def pack_bits_numpy(values: UInt64Array, bits: int) -> ByteArray:
    """The bit stream of ``values``.

    Args:
        values: uint64 ``[count]``, each below ``2**bits``; count is a multiple of 64.
        bits: 1 to 64.
    """
    groups = values.reshape(-1, _GROUP)
    out = np.empty((len(groups), bits), dtype="<u8")
    for start in range(0, len(groups), _BLOCK):
        columns = np.ascontiguousarray(groups[start : start + _BLOCK].T)
        words = np.zeros((bits, columns.shape[1]), dtype=np.uint64)
        for i in range(_GROUP):
            word, shift = divmod(i * bits, 64)
            words[word] |= columns[i] << np.uint64(shift)
            if shift + bits > 64:
                words[word + 1] |= columns[i] >> np.uint64(64 - shift)
        out[start : start + _BLOCK] = words.T
    return out.reshape(-1).view(np.uint8)


def unpack_bits_numpy(packed: ByteArray, bits: int, count: int, prime: int) -> UInt64Array:
    """The inverse of `pack_bits_numpy`: ``count`` values, a multiple of 64.

    Raises:
        ValueError: A value at or above ``prime``.
    """
    groups = np.ascontiguousarray(packed).view("<u8").reshape(-1, bits)
    out = np.empty((count // _GROUP, _GROUP), dtype=np.uint64)
    mask = np.uint64((1 << bits) - 1)
    for start in range(0, len(groups), _BLOCK):
        words = np.ascontiguousarray(groups[start : start + _BLOCK].T).astype(np.uint64, copy=False)
        columns = np.empty((_GROUP, words.shape[1]), dtype=np.uint64)
        for i in range(_GROUP):
            word, shift = divmod(i * bits, 64)
            value = words[word] >> np.uint64(shift)
            if shift + bits > 64:
                value |= words[word + 1] << np.uint64(64 - shift)
            np.bitwise_and(value, mask, out=columns[i])
        out[start : start + _BLOCK] = columns.T
    if out.size and int(out.max()) >= prime:
        raise ValueError("a residue is not below its prime")
    return out.reshape(-1)


try:
    from safelight._native import pack_bits, unpack_bits

    NATIVE = True
except ImportError:  # not built: the same bytes, a little later
    pack_bits, unpack_bits = pack_bits_numpy, unpack_bits_numpy
    NATIVE = False


def packed_bytes(primes: Sequence[int], n: int) -> int:
    """Length of one polynomial: a row of ``n`` residues for each prime."""
    return sum(n // 8 * prime.bit_length() for prime in primes)


def pack_residues(residues: UInt64Array, primes: Sequence[int]) -> ByteArray:
    """Polynomial after polynomial, each row after row.

    Args:
        residues: uint64 ``[polynomials, len(primes), N]``.
        primes: The modulus of each row.

    Raises:
        ResidueRangeError: A residue at or above its prime.
    """
    count, _, n = residues.shape
    out = np.empty((count, packed_bytes(primes, n)), dtype=np.uint8)
    end = 0
    for row, prime in enumerate(primes):
        bits = prime.bit_length()
        start, end = end, end + n // 8 * bits
        values = np.ascontiguousarray(residues[:, row]).reshape(-1)
        if values.size and int(values.max()) >= prime:
            raise _above(row)
        out[:, start:end] = np.frombuffer(pack_bits(values, bits), dtype=np.uint8).reshape(
            count, -1
        )
    return out.reshape(-1)


def unpack_residues(data: Buffer, count: int, primes: Sequence[int], n: int) -> UInt64Array:
    """The inverse of `pack_residues`: uint64 ``[count, len(primes), n]``.

    Raises:
        TruncatedError: ``data`` is shorter than that.
        TrailingBytesError: ``data`` is longer than that.
        ResidueRangeError: A residue at or above its prime.
    """
    size = packed_bytes(primes, n)
    if len(data) != count * size:
        error = TruncatedError if len(data) < count * size else TrailingBytesError
        raise error(f"{len(data)} bytes of residues where {count * size} belong")
    packed = np.frombuffer(data, dtype=np.uint8).reshape(count, size)
    out = np.empty((count, len(primes), n), dtype=np.uint64)
    end = 0
    for row, prime in enumerate(primes):
        bits = prime.bit_length()
        start, end = end, end + n // 8 * bits
        stream = np.ascontiguousarray(packed[:, start:end]).reshape(-1)
        try:
            values = unpack_bits(stream, bits, count * n, prime)
        except ValueError as exc:
            raise _above(row) from exc
        out[:, row] = values.reshape(count, n)
    return out


def check_residue_array(residues: UInt64Array, shape: tuple[int, ...]) -> None:
    """Refuses to encode an array of another shape or type."""
    if residues.dtype != np.uint64 or residues.shape != shape:
        raise MalformedError(
            f"residues of shape {list(residues.shape)} and type {residues.dtype}, "
            f"not {list(shape)} and uint64"
        )


def _above(row: int) -> ResidueRangeError:
    return ResidueRangeError(f"row {row} has residues at or above their modulus")
