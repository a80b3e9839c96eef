"""The bit stream, checked against Python's big integers."""

from __future__ import annotations

import numpy as np
import pytest

from safelight.errors import ResidueRangeError, TrailingBytesError, TruncatedError
from safelight.wire import packing
from safelight.wire.packing import (
    pack_bits_numpy,
    pack_residues,
    packed_bytes,
    unpack_bits_numpy,
    unpack_residues,
)
from wire_samples import PARAMETERS


@pytest.mark.parametrize("bits", [1, 20, 21, 32, 33, 40, 43, 50, 63, 64])
def test_stream_is_the_little_endian_integer(bits: int) -> None:
    rng = np.random.default_rng(bits)
    values = rng.integers(0, (1 << bits) - 1, size=128, dtype=np.uint64, endpoint=True)
    integer = sum(int(value) << (i * bits) for i, value in enumerate(values))
    packed = pack_bits_numpy(values, bits)
    assert packed.tobytes() == integer.to_bytes(128 * bits // 8, "little")
    assert np.array_equal(unpack_bits_numpy(packed, bits, 128, 1 << bits), values)


@pytest.mark.parametrize("bits", range(20, 51))
def test_active_functions_are_the_definition(bits: int) -> None:
    """Whatever is built (`packing.NATIVE`), the bytes are those of NumPy."""
    values = np.random.default_rng(1).integers(0, 1 << bits, size=4096, dtype=np.uint64)
    values[:2] = 0, (1 << bits) - 1
    packed = np.frombuffer(packing.pack_bits(values, bits), dtype=np.uint8)
    assert np.array_equal(packed, pack_bits_numpy(values, bits))
    assert np.array_equal(packing.unpack_bits(packed, bits, 4096, 1 << bits), values)
    with pytest.raises(ValueError, match="residue"):
        packing.unpack_bits(packed, bits, 4096, (1 << bits) - 1)


def test_more_than_one_block() -> None:
    values = np.arange(64 * 1300, dtype=np.uint64)
    again = unpack_bits_numpy(pack_bits_numpy(values, 21), 21, values.size, 1 << 21)
    assert np.array_equal(again, values)


def test_rows_lie_polynomial_by_polynomial() -> None:
    primes, n = PARAMETERS.primes, PARAMETERS.n
    rng = np.random.default_rng(7)
    residues = np.stack(
        [[rng.integers(0, p, size=n, dtype=np.uint64) for p in primes] for _ in range(2)]
    )
    packed = pack_residues(residues, primes)
    rows = [
        pack_bits_numpy(residues[i, j], prime.bit_length()).tobytes()
        for i in range(2)
        for j, prime in enumerate(primes)
    ]
    assert packed.tobytes() == b"".join(rows)
    assert packed_bytes(primes, n) == n * (24 + 24 + 26) // 8
    assert np.array_equal(unpack_residues(packed.tobytes(), 2, primes, n), residues)


def test_residue_at_its_modulus_is_refused_both_ways() -> None:
    primes, n = PARAMETERS.primes[:2], PARAMETERS.n
    residues = np.zeros((1, 2, n), dtype=np.uint64)
    residues[0, 1, 5] = primes[1]
    with pytest.raises(ResidueRangeError, match="row 1"):
        pack_residues(residues, primes)
    raw = pack_bits_numpy(residues.reshape(-1), 24).tobytes()
    with pytest.raises(ResidueRangeError):
        unpack_residues(raw, 1, primes, n)


def test_length_is_exact() -> None:
    primes, n = PARAMETERS.primes[:1], PARAMETERS.n
    with pytest.raises(TruncatedError):
        unpack_residues(bytes(packed_bytes(primes, n) - 1), 1, primes, n)
    with pytest.raises(TrailingBytesError):
        unpack_residues(bytes(packed_bytes(primes, n) + 1), 1, primes, n)
