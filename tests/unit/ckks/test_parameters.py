"""Nothing weaker than the security table is a value of the type."""

from __future__ import annotations

import hashlib
import math

import pytest
import tenseal.sealapi as seal

from safelight.ckks.parameters import MAX_LOG2_QP, MAX_PRIME_BITS, Parameters
from safelight.ckks.primes import is_prime, ntt_primes
from safelight.errors import ParameterError

# eprint 2024/463, Table 5.2: ternary secret, 128 bits, classical attacks.
TABLE = {4096: 106, 8192: 214, 16384: 430, 32768: 868}


def sizes_of(total: int) -> list[int]:
    """Prime sizes of at most 50 bits with this sum, the largest last."""
    count = math.ceil(total / MAX_PRIME_BITS)
    small, more = divmod(total, count)
    return [small] * (count - more) + [small + 1] * more


def test_the_table_is_that_of_the_guidelines() -> None:
    assert MAX_LOG2_QP == TABLE


@pytest.mark.parametrize(("n", "limit"), TABLE.items())
def test_the_limit_is_allowed_and_one_bit_above_it_refused(n: int, limit: int) -> None:
    at_limit = Parameters.from_bits(n, sizes_of(limit))
    assert limit - 0.1 < at_limit.log2_qp <= limit
    with pytest.raises(ParameterError, match=f"above {limit}"):
        Parameters.from_bits(n, sizes_of(limit + 1))


@pytest.mark.parametrize("n", [0, 1, 1000, 2048, 65536, -4096])
def test_other_rings_are_refused(n: int) -> None:
    with pytest.raises(ParameterError, match="ring degree"):
        Parameters(n, ntt_primes(4096, [30, 30]))


def test_the_special_prime_is_the_largest() -> None:
    with pytest.raises(ParameterError, match="must be the largest"):
        Parameters.from_bits(8192, [45, 40])
    primes = ntt_primes(8192, [40, 40])  # SEAL gives the smaller of two first
    assert primes[0] < primes[1]
    with pytest.raises(ParameterError, match="must be the largest"):
        Parameters(8192, primes[::-1])


def test_moduli_are_distinct_ntt_primes_of_allowed_size() -> None:
    (good,) = ntt_primes(8192, [40])
    larger = ntt_primes(8192, [41])[0]
    with pytest.raises(ParameterError, match="not distinct"):
        Parameters(8192, (good, good))
    composite = next(
        c for c in range(good - 2 * 8192, 0, -2 * 8192) if not is_prime(c)
    )  # congruent to 1, not prime
    with pytest.raises(ParameterError, match="not a prime congruent"):
        Parameters(8192, (composite, larger))
    prime_elsewhere = next(p for p in range(good - 2, 0, -2) if is_prime(p) and p % 16384 != 1)
    with pytest.raises(ParameterError, match="not a prime congruent"):
        Parameters(8192, (prime_elsewhere, larger))
    with pytest.raises(ParameterError, match="51 bits"):
        Parameters(8192, (good, *ntt_primes(8192, [51])))
    with pytest.raises(ParameterError, match="16 bits"):
        Parameters(4096, (40961, *ntt_primes(4096, [40])))
    with pytest.raises(ParameterError, match="at least one data prime"):
        Parameters(8192, (good,))


def test_too_few_primes_of_a_size_is_our_error() -> None:
    with pytest.raises(ParameterError, match="fewer than"):
        Parameters.from_bits(32768, [20] * 30 + [21])


@pytest.mark.parametrize(
    ("n", "bits"),
    [
        (4096, [36, 33, 37]),
        (4096, [35, 35, 36]),
        (8192, [45, 40, 40, 45]),
        (8192, [38, 43, 43, 43, 47]),
        (16384, [50] * 6),
        (16384, [46] * 8),
        (32768, [40, 46, 46, 30, 46, 40, 50]),
    ],
)
def test_primes_are_those_of_seal(n: int, bits: list[int]) -> None:
    theirs = [modulus.value() for modulus in seal.CoeffModulus.Create(n, bits)]
    assert list(ntt_primes(n, bits)) == theirs


def test_small_numbers_are_classified() -> None:
    sieve = [n for n in range(2, 2000) if all(n % d for d in range(2, int(n**0.5) + 1))]
    assert [n for n in range(-3, 2000) if is_prime(n)] == sieve
    # Carmichael numbers, and the least strong pseudoprimes to the first 4, 8 and 12 bases
    for composite in (561, 41041, 3215031751, 341550071728321, 318665857834031151167461):
        assert not is_prime(composite)
    assert is_prime((1 << 61) - 1)


def test_what_follows_from_the_primes() -> None:
    parameters = Parameters.from_bits(8192, [38, 43, 43, 47])
    assert parameters.slots == 4096
    assert parameters.max_level == 2
    assert parameters.bits == (38, 43, 43, 47)
    assert (*parameters.data_primes, parameters.special_prime) == parameters.primes
    text = "safelight-ckks-v1 8192 " + " ".join(map(str, parameters.primes))
    assert parameters.digest == hashlib.sha256(text.encode()).digest()
    assert str(parameters) == "N = 8192, [38, 43, 43, 47] bits, log2(QP) = 171"


def test_galois_elements_are_cyclic_in_the_slots() -> None:
    parameters = Parameters.from_bits(8192, [40, 41])
    assert parameters.galois_element(1) == 3
    assert parameters.galois_element(0) == parameters.galois_element(4096) == 1
    assert parameters.galois_element(-1) == parameters.galois_element(4095)
    elements = {parameters.galois_element(step) for step in range(4096)}
    assert len(elements) == 4096
    assert all(element % 2 == 1 and element < 16384 for element in elements)
