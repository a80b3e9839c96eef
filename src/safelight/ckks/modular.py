"""Arithmetic modulo primes of at most 50 bits on NumPy arrays."""

from __future__ import annotations

import numpy as np

from safelight.ckks.ciphertext import UInt64Array


def multiply_mod(left: UInt64Array, right: UInt64Array, prime: int) -> UInt64Array:
    """``left·right mod prime`` elementwise, for reduced operands and primes of at most 50 bits.

    The quotient is estimated in float64: its error is below one (the operands are exact and the
    quotient is below 2**50), so the wrapped 64-bit remainder is off by at most one prime.
    """
    modulus = np.uint64(prime)
    quotient = (left.astype(np.float64) * right.astype(np.float64) / prime).astype(np.uint64)
    remainder = (left * right - quotient * modulus).astype(np.int64)
    remainder += np.where(remainder < 0, np.int64(prime), np.int64(0))
    remainder -= np.where(remainder >= prime, np.int64(prime), np.int64(0))
    return remainder.astype(np.uint64)


def add_mod(left: UInt64Array, right: UInt64Array, prime: int) -> UInt64Array:
    """``left + right mod prime`` elementwise, for reduced operands."""
    total = left + right
    return np.where(total >= np.uint64(prime), total - np.uint64(prime), total)


def subtract_mod(left: UInt64Array, right: UInt64Array, prime: int) -> UInt64Array:
    """``left − right mod prime`` elementwise, for reduced operands."""
    return add_mod(left, np.uint64(prime) - right, prime)
