"""Does a byte stream look like noise? Entropy, neighbours, diffusion, and five NIST tests.

A good cipher's output passes all of these; passing them does not make a cipher good. They are
here because papers on image encryption report them, and because failing them is conclusive.

**Source**: NIST SP 800-22 rev. 1a, sections 2.1-2.3, 2.11 and 2.13; Wu, Noonan and Agaian 2011
(NPCR and UACI with their expected values for 8-bit images).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Bits = NDArray[np.uint8]
SIGNIFICANCE = 0.01
"""SP 800-22's own threshold: one stream in a hundred of true noise fails a test."""

# Expected for two independent uniform 8-bit images (Wu et al. 2011, table 1).
EXPECTED_NPCR = 255 / 256
EXPECTED_UACI = 257 / 768
_BLOCK_BITS = 128


def entropy_bits(stream: bytes) -> float:
    """Shannon entropy of the bytes' histogram, at most 8 bits a byte."""
    counts = np.bincount(np.frombuffer(stream, np.uint8), minlength=256)
    share = counts[counts > 0] / len(stream)
    return float(-(share * np.log2(share)).sum())


def adjacent_correlation(picture: NDArray[np.uint8]) -> float:
    """Largest absolute correlation of horizontal, vertical or diagonal neighbours, 0 to 1."""
    values = picture.astype(np.float64)
    pairs = (
        (values[:, :-1], values[:, 1:]),
        (values[:-1], values[1:]),
        (values[:-1, :-1], values[1:, 1:]),
    )
    return max(abs(_correlation(a.ravel(), b.ravel())) for a, b in pairs)


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    deviation = float(first.std() * second.std())
    if deviation == 0:
        return 1.0  # a flat picture: each pixel tells its neighbour
    return float(((first - first.mean()) * (second - second.mean())).mean() / deviation)


def npcr(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Share of bytes that differ between two streams of one length (NPCR), 0 to 1."""
    return float((first != second).mean())


def uaci(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two streams as a share of 255 (UACI), 0 to 1."""
    return float(np.abs(first.astype(np.int64) - second).mean() / 255)


def repeated_blocks(stream: bytes) -> float:
    """Share of the stream's whole 16-byte blocks that occur more than once, 0 to 1."""
    blocks = np.frombuffer(stream[: len(stream) // 16 * 16], dtype="V16")
    _, counts = np.unique(blocks, return_counts=True)
    return float(counts[counts > 1].sum() / len(blocks))


def nist_p_values(stream: bytes) -> dict[str, float]:
    """p-values of five SP 800-22 tests over the stream's bits.

    Args:
        stream: At least 64 bytes.
    """
    bits = np.unpackbits(np.frombuffer(stream, np.uint8))
    return {
        "frequency": _frequency(bits),
        "block_frequency": _block_frequency(bits),
        "runs": _runs(bits),
        "serial": _serial(bits),
        "cumulative_sums": _cumulative_sums(bits),
    }


def _frequency(bits: Bits) -> float:
    """Section 2.1: as many ones as zeros."""
    total = abs(2 * int(bits.sum()) - len(bits))
    return math.erfc(total / math.sqrt(2 * len(bits)))


def _block_frequency(bits: Bits) -> float:
    """Section 2.2, blocks of 128 bits."""
    blocks = bits[: len(bits) // _BLOCK_BITS * _BLOCK_BITS].reshape(-1, _BLOCK_BITS)
    statistic = 4 * _BLOCK_BITS * float(((blocks.mean(axis=1) - 0.5) ** 2).sum())
    return _chi_square_tail(statistic, len(blocks))


def _runs(bits: Bits) -> float:
    """Section 2.3: the number of runs."""
    n, share = len(bits), float(bits.mean())
    if abs(share - 0.5) >= 2 / math.sqrt(n):
        return 0.0  # the section's own prerequisite fails
    runs = 1 + int((bits[1:] != bits[:-1]).sum())
    spread = 2 * math.sqrt(2 * n) * share * (1 - share)
    return math.erfc(abs(runs - 2 * n * share * (1 - share)) / spread)


def _serial(bits: Bits) -> float:
    """Section 2.11 with patterns of three bits, first p-value."""

    def psi(m: int) -> float:
        wrapped = np.concatenate([bits, bits[: m - 1]]).astype(np.int64)
        codes = sum((wrapped[i : i + len(bits)] << (m - 1 - i)) for i in range(m))
        counts = np.bincount(np.asarray(codes), minlength=1 << m).astype(np.float64)
        return float((1 << m) / len(bits) * (counts**2).sum() - len(bits))

    return _chi_square_tail(psi(3) - psi(2), 4)


def _cumulative_sums(bits: Bits) -> float:
    """Section 2.13, forward."""
    n = len(bits)
    z = int(np.abs(np.cumsum(2 * bits.astype(np.int64) - 1)).max())
    root = math.sqrt(n)

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    first = sum(
        phi((4 * k + 1) * z / root) - phi((4 * k - 1) * z / root)
        for k in range((-n // z + 1) // 4, (n // z - 1) // 4 + 1)
    )
    second = sum(
        phi((4 * k + 3) * z / root) - phi((4 * k + 1) * z / root)
        for k in range((-n // z - 3) // 4, (n // z - 1) // 4 + 1)
    )
    return min(1.0, max(0.0, 1 - first + second))


def _chi_square_tail(statistic: float, degrees: int) -> float:
    """P(chi-square with an even number, or many, degrees of freedom > statistic)."""
    if degrees % 2 == 0 and degrees < 400:
        term, total = 1.0, 1.0
        for k in range(1, degrees // 2):
            term *= statistic / 2 / k
            total += term
        return math.exp(-statistic / 2) * total
    # Wilson-Hilferty: exact to three digits from a few tens of degrees on
    spread = 2 / (9 * degrees)
    z = ((statistic / degrees) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return 0.5 * math.erfc(z / math.sqrt(2))
