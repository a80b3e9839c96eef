"""The expansion of public seeds: fixed for ever, uniform, and available piece by piece."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from safelight.ckks.primes import ntt_primes
from safelight.ckks.uniform import uniform_polynomial, uniform_residues

SEED = bytes(range(32))
P36, P43 = ntt_primes(8192, [36, 43])
# Origin: `by_the_text` below, with OpenSSL's AES one block at a time; digit 2, prime index 1.
# A change of these numbers breaks every stored key and ciphertext.
KNOWN_WORDS = [45151435287, 4649804146, 749199336, 24319345108]
KNOWN_DIGEST = "a287e3fd795999afce9aed5ef95d363d2ff6c0390ef68d83a506c5b59b730826"


def by_the_text(seed: bytes, prime: int, n: int, digit: int, prime_index: int) -> list[int]:
    """docs/wire-format.md word by word: AES-256 of one counter block at a time."""
    found: list[int] = []
    block = (digit << 96) + (prime_index << 64)
    aes = Cipher(algorithms.AES256(seed), modes.ECB()).encryptor()
    mask = (1 << prime.bit_length()) - 1
    while len(found) < n:
        out = aes.update(block.to_bytes(16, "big"))
        block += 1
        for start in (0, 8):
            word = int.from_bytes(out[start : start + 8], "little") & mask
            if word < prime:
                found.append(word)
    return found[:n]


@pytest.mark.parametrize(("digit", "index"), [(0, 0), (3, 1), (7, 19)])
@pytest.mark.parametrize("prime", [P36, P43])
def test_equal_to_the_documented_stream(prime: int, digit: int, index: int) -> None:
    ours = uniform_residues(SEED, prime, 333, digit=digit, prime_index=index)
    assert ours.dtype == np.uint64
    assert ours.tolist() == by_the_text(SEED, prime, 333, digit, index)


def test_many_dropped_words_do_not_shift_the_stream() -> None:
    # just above a power of two, half of all words are dropped: more than one refill
    prime = (1 << 30) + 3
    ours = uniform_residues(SEED, prime, 1000, digit=1, prime_index=2)
    assert ours.tolist() == by_the_text(SEED, prime, 1000, 1, 2)


def test_known_answer() -> None:
    found = uniform_residues(SEED, P36, 8192, digit=2, prime_index=1)
    assert found[:4].tolist() == KNOWN_WORDS
    assert hashlib.sha256(found.astype("<u8").tobytes()).hexdigest() == KNOWN_DIGEST


def test_rows_are_independent_of_one_another() -> None:
    primes = ntt_primes(8192, [36, 36, 43])
    rows = uniform_polynomial(SEED, primes, 64, digit=1, prime_indices=range(3))
    alone = uniform_polynomial(SEED, primes[2:], 64, digit=1, prime_indices=[2])
    assert (rows[2] == alone[0]).all()
    assert (rows[0] != rows[1]).any()
    short = uniform_residues(SEED, primes[0], 10, digit=1, prime_index=0)
    assert (rows[0][:10] == short).all()
    other_digit = uniform_residues(SEED, primes[0], 64, digit=2, prime_index=0)
    assert (rows[0] != other_digit).any()


def test_uniform_in_sixteen_bins() -> None:
    n = 1 << 17
    found = uniform_residues(bytes(32), P43, n, digit=0, prime_index=0)
    assert found.max() < P43
    counts = np.bincount((found.astype(np.float64) / P43 * 16).astype(int), minlength=16)
    chi_squared = float(((counts - n / 16) ** 2 / (n / 16)).sum())
    # 15 degrees of freedom: one seed in 10,000 exceeds it, and this one is fixed
    assert chi_squared < 45.0
    low = np.bincount((found & np.uint64(15)).astype(int), minlength=16)
    assert float(((low - n / 16) ** 2 / (n / 16)).sum()) < 45.0


@pytest.mark.parametrize("size", [0, 16, 31, 33, 64])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        uniform_residues(bytes(size), P36, 8, digit=0, prime_index=0)
