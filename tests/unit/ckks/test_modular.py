"""Modular arithmetic on arrays against Python's integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.ckks.modular import add_mod, multiply_mod, subtract_mod
from safelight.ckks.primes import ntt_primes

PRIMES = [*ntt_primes(4096, [20, 30, 36, 43]), *ntt_primes(4096, [50, 50, 50])]


@st.composite
def operands(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    prime = draw(st.sampled_from(PRIMES))
    residue = st.one_of(
        st.integers(0, prime - 1),
        st.sampled_from([0, 1, 2, prime // 2, prime // 2 + 1, prime - 2, prime - 1]),
    )
    size = draw(st.integers(1, 20))
    values = st.lists(residue, min_size=size, max_size=size)
    return prime, draw(values), draw(values)


@given(operands())
def test_equal_to_integers(case: tuple[int, list[int], list[int]]) -> None:
    prime, left, right = case
    a, b = np.array(left, dtype=np.uint64), np.array(right, dtype=np.uint64)
    pairs = list(zip(left, right, strict=True))
    assert multiply_mod(a, b, prime).tolist() == [x * y % prime for x, y in pairs]
    assert add_mod(a, b, prime).tolist() == [(x + y) % prime for x, y in pairs]
    assert subtract_mod(a, b, prime).tolist() == [(x - y) % prime for x, y in pairs]


@pytest.mark.parametrize("prime", PRIMES)
def test_many_random_products(prime: int) -> None:
    generator = np.random.default_rng(prime)
    a, b = generator.integers(0, prime, (2, 20_000), dtype=np.uint64)
    expected = a.astype(object) * b.astype(object) % prime
    assert (multiply_mod(a, b, prime) == expected.astype(np.uint64)).all()
