"""NTT-friendly primes, chosen as Microsoft SEAL's ``CoeffModulus::Create`` chooses them."""

from __future__ import annotations

from collections.abc import Sequence

# These bases make Miller-Rabin deterministic below 3.3e24 (Sorenson & Webster 2015).
_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


def is_prime(value: int) -> bool:
    """Whether ``value`` (below 2**64) is prime."""
    if value < 2:
        return False
    for witness in _WITNESSES:
        if value % witness == 0:
            return value == witness
    odd, twos = value - 1, 0
    while odd % 2 == 0:
        odd //= 2
        twos += 1
    for witness in _WITNESSES:
        power = pow(witness, odd, value)
        if power in (1, value - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % value
            if power == value - 1:
                break
        else:
            return False
    return True


def ntt_primes(n: int, bits: Sequence[int]) -> tuple[int, ...]:
    """Distinct primes congruent to 1 modulo 2n of the given sizes, in the given order.

    For each size the largest primes below 2**size are used, the smallest of them first: the same
    choice as SEAL's, so that both sides agree without sending primes.

    Args:
        n: Ring degree, a power of two.
        bits: Size in bits of each prime.

    Raises:
        ValueError: There are not enough primes of a size.
    """
    found: dict[int, list[int]] = {}
    for size in set(bits):
        candidate = (1 << size) - 2 * n + 1
        primes: list[int] = []
        while len(primes) < bits.count(size):
            if candidate < 1 << (size - 1):
                raise ValueError(f"fewer than {bits.count(size)} primes of {size} bits for N = {n}")
            if is_prime(candidate):
                primes.append(candidate)
            candidate -= 2 * n
        found[size] = primes
    return tuple(found[size].pop() for size in bits)
