"""CKKS parameters that cannot be weaker than the 2024 security table."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from safelight.ckks.primes import is_prime, ntt_primes
from safelight.errors import ParameterError

# Largest log2(QP) for 128-bit classical security with a ternary secret:
# Bossuat et al., "Security Guidelines for Implementing Homomorphic Encryption",
# eprint 2024/463, Table 5.2. SEAL's own limits are 109/218/438/881.
MAX_LOG2_QP = {4096: 106, 8192: 214, 16384: 430, 32768: 868}

MAX_PRIME_BITS = 50  # 52-bit vector multiplication needs two spare bits
MIN_PRIME_BITS = 20


@dataclass(frozen=True)
class Parameters:
    """A ring degree and its primes; a value of this type is always 128-bit secure.

    Args:
        n: Ring degree N: 4096, 8192, 16384 or 32768.
        primes: Data primes q_0 … q_L and, last, the special prime P, which is the largest.

    Raises:
        ParameterError: Anything above the security table or outside our conventions.
    """

    n: int
    primes: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.n not in MAX_LOG2_QP:
            raise ParameterError(
                f"ring degree {self.n} is not one of {', '.join(map(str, MAX_LOG2_QP))}"
            )
        if len(self.primes) < 2:
            raise ParameterError("at least one data prime and the special prime are needed")
        if len(set(self.primes)) != len(self.primes):
            raise ParameterError("the primes are not distinct")
        for prime in self.primes:
            if not MIN_PRIME_BITS <= prime.bit_length() <= MAX_PRIME_BITS:
                raise ParameterError(
                    f"a prime of {prime.bit_length()} bits is outside "
                    f"{MIN_PRIME_BITS} to {MAX_PRIME_BITS}"
                )
            if prime % (2 * self.n) != 1 or not is_prime(prime):
                raise ParameterError(f"a modulus is not a prime congruent to 1 mod {2 * self.n}")
        if self.primes[-1] != max(self.primes):
            raise ParameterError("the special prime, the last, must be the largest")
        if self.log2_qp > MAX_LOG2_QP[self.n]:
            raise ParameterError(
                f"log2(QP) = {self.log2_qp:.1f} is above {MAX_LOG2_QP[self.n]}, the limit of "
                f"128-bit security for N = {self.n} (eprint 2024/463)",
                hint="use fewer or smaller primes, or the next ring degree",
            )

    @classmethod
    def from_bits(cls, n: int, bits: Sequence[int]) -> Parameters:
        """Parameters with SEAL's choice of primes of the given sizes, the special prime last."""
        try:
            return cls(n, ntt_primes(n, bits))
        except ValueError as exc:
            raise ParameterError(str(exc)) from exc

    @property
    def log2_qp(self) -> float:
        """log2 of the product of all primes, the special prime included."""
        return math.fsum(math.log2(prime) for prime in self.primes)

    @property
    def slots(self) -> int:
        """Numbers that one ciphertext holds: N/2."""
        return self.n // 2

    @property
    def data_primes(self) -> tuple[int, ...]:
        """q_0 … q_L, without the special prime."""
        return self.primes[:-1]

    @property
    def special_prime(self) -> int:
        """P, used in key switching only."""
        return self.primes[-1]

    @property
    def max_level(self) -> int:
        """Level of a fresh ciphertext: a ciphertext at level l has l + 1 residues."""
        return len(self.primes) - 2

    @property
    def bits(self) -> tuple[int, ...]:
        """Size of each prime in bits, the special prime last."""
        return tuple(prime.bit_length() for prime in self.primes)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over the text ``safelight-ckks-v1 N p0 p1 … P``: names these parameters."""
        text = " ".join(["safelight-ckks-v1", str(self.n), *map(str, self.primes)])
        return hashlib.sha256(text.encode("ascii")).digest()

    def galois_element(self, step: int) -> int:
        """Galois element 3**step mod 2N of a rotation by ``step`` slots to the left."""
        return pow(3, step % self.slots, 2 * self.n)

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.bits))
        return f"N = {self.n}, [{sizes}] bits, log2(QP) = {self.log2_qp:.0f}"
