"""Uniform residues from a public seed: what makes ciphertexts and keys half as long.

The stream is AES-256 in counter mode under the seed as key (the generator FrodoKEM uses for its
public matrix); each polynomial residue has its own initial counter block, so that any of them can
be made alone. Words are 64-bit little-endian, masked to the prime's size; words at or above the
prime are dropped. docs/wire-format.md gives the same text for other languages.

**Security**: the seed is public and the output is only ever used as the public mask ``a``.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from safelight.ckks.ciphertext import SEED_BYTES, UInt64Array


def uniform_residues(
    seed: bytes, prime: int, n: int, *, digit: int, prime_index: int
) -> UInt64Array:
    """``n`` residues uniform below ``prime``, a function of the arguments alone.

    Args:
        seed: 32 public bytes.
        prime: The modulus, at most 50 bits.
        n: How many residues.
        digit: Digit of the key-switching key; 0 for a ciphertext.
        prime_index: Index of the prime in the full parameters (the special prime is the last).
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    counter = struct.pack(">IIQ", digit, prime_index, 0)
    stream = Cipher(algorithms.AES256(seed), modes.CTR(counter)).encryptor()
    mask = np.uint64((1 << prime.bit_length()) - 1)
    parts: list[UInt64Array] = []
    missing = n
    while missing > 0:
        # primes lie just below a power of two, so few words are dropped
        words = np.frombuffer(stream.update(bytes(8 * (missing + 8))), dtype="<u8") & mask
        kept = words[words < prime][:missing]
        parts.append(kept.astype(np.uint64, copy=False))
        missing -= len(kept)
    return np.concatenate(parts)


def uniform_polynomial(
    seed: bytes, primes: Sequence[int], n: int, *, digit: int, prime_indices: Sequence[int]
) -> UInt64Array:
    """One uniform residue row for each prime: uint64 ``[len(primes), n]``."""
    return np.stack(
        [
            uniform_residues(seed, prime, n, digit=digit, prime_index=index)
            for prime, index in zip(primes, prime_indices, strict=True)
        ]
    )
