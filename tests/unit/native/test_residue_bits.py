"""Packed residues: the native form against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight import _native


def packed(residues: list[int], bits: int) -> bytes:
    """The definition: residue i is bits [i·bits, (i + 1)·bits) of a little-endian number."""
    number = sum(residue << (i * bits) for i, residue in enumerate(residues))
    return number.to_bytes((bits * len(residues) + 7) // 8, "little")


@settings(max_examples=200, deadline=None)
@given(st.data(), st.integers(1, 56), st.integers(0, 70))
def test_pack_and_unpack(data: st.DataObject, bits: int, count: int) -> None:
    residues = data.draw(st.lists(st.integers(0, 2**bits - 1), min_size=count, max_size=count))
    array = np.array(residues, dtype=np.uint64)
    blob = _native.pack_bits(array, bits)
    assert blob == packed(residues, bits)
    np.testing.assert_array_equal(_native.unpack_bits(blob, bits, count, 2**bits), array)
    if residues:
        with pytest.raises(ValueError, match="prime"):
            _native.unpack_bits(blob, bits, count, max(residues))


def test_wrong_lengths_and_padding_are_refused() -> None:
    blob = packed([5, 6, 7], 43)
    for wrong in (blob[:-1], blob + b"\0", b""):
        with pytest.raises(ValueError, match="length"):
            _native.unpack_bits(wrong, 43, 3, 2**43)
    with pytest.raises(ValueError, match="prime"):
        _native.unpack_bits(blob[:-1] + b"\x80", 43, 3, 2**43)
    for bits in (0, 57):
        with pytest.raises(ValueError, match="bits"):
            _native.unpack_bits(blob, bits, 3, 7)
    with pytest.raises(ValueError, match="large"):
        _native.pack_bits(np.array([8], dtype=np.uint64), 3)
