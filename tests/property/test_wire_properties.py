"""Encode and decode undo one another, for any value."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.circuit.program import AddPlain, LinearTransform, Program
from safelight.wire.canonical_json import canonical_json, parse_json
from safelight.wire.packing import (
    pack_bits_numpy,
    pack_residues,
    unpack_bits_numpy,
    unpack_residues,
)
from safelight.wire.program import decode_program, encode_program
from wire_samples import PARAMETERS

SLOTS = PARAMETERS.slots

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(st.integers(1, 64), st.lists(st.integers(0, 2**64 - 1), min_size=64, max_size=64))
@settings(max_examples=100, deadline=None)
def test_unpack_undoes_pack(bits: int, words: list[int]) -> None:
    values = np.array([word % (1 << bits) for word in words], dtype=np.uint64)
    packed = pack_bits_numpy(values, bits)
    assert packed.size == 64 * bits // 8
    assert np.array_equal(unpack_bits_numpy(packed, bits, 64, 1 << bits), values)


@given(st.integers(0, 2**32), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_residues_round_trip(seed: int, polynomials: int, limbs: int) -> None:
    rng = np.random.default_rng(seed)
    primes = PARAMETERS.primes[:limbs]
    residues = np.stack(
        [
            [rng.integers(0, p, size=PARAMETERS.n, dtype=np.uint64) for p in primes]
            for _ in range(polynomials)
        ]
    )
    packed = pack_residues(residues, primes)
    assert np.array_equal(unpack_residues(packed, polynomials, primes, PARAMETERS.n), residues)


@given(json_values)
@settings(max_examples=200, deadline=None)
def test_canonical_json_round_trips(value: Any) -> None:
    form = canonical_json(value)
    again = parse_json(form, len(form), canonical=True)
    assert again == value == json.loads(form)
    assert canonical_json(again) == form


@given(
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 0.1]),
        min_size=1,
        max_size=40,
    ),
    st.sets(st.integers(0, SLOTS - 1), min_size=1, max_size=12),
    st.integers(1, 64),
    st.floats(1.0, 2.0**60),
)
@settings(max_examples=50, deadline=None)
def test_programs_round_trip_to_the_bit(
    values: list[float], distances: set[int], stride: int, scale: float
) -> None:
    vectors = {d: np.resize(np.roll(values, d), SLOTS).astype(np.float64) for d in distances}
    giant_steps: dict[int, tuple[int, ...]] = {}
    for d in sorted(distances):
        giant_steps[d - d % stride] = (*giant_steps.get(d - d % stride, ()), d % stride)
    linear = LinearTransform(1, 0, vectors, giant_steps, scale, "layer")
    bias = np.resize(values, SLOTS).astype(np.float64)
    program = Program("p", PARAMETERS, scale, 1, (linear, AddPlain(2, 1, bias)), 2)
    message = encode_program(program)
    again = decode_program(message)
    first, second = again.steps
    assert isinstance(first, LinearTransform)
    assert isinstance(second, AddPlain)
    assert first.giant_steps == giant_steps
    assert math.copysign(1.0, first.scale) == 1.0
    assert first.scale == again.input_scale == scale
    assert {d: v.tobytes() for d, v in first.diagonals.items()} == {
        d: v.tobytes() for d, v in vectors.items()
    }
    assert second.values.tobytes() == bias.tobytes()
    assert encode_program(again) == message
