"""Ciphertexts and evaluation keys as plain arrays: the public half of the scheme.

Conventions are SEAL's: residues are in NTT form (minimal primitive 2N-th root, bit-reversed
order) and reduced below their prime. Nothing here can decrypt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from safelight.ckks.parameters import Parameters

UInt64Array = NDArray[np.uint64]

SEED_BYTES = 32


@dataclass(frozen=True)
class Ciphertext:
    """An encrypted vector.

    Args:
        parameters: What it was made for.
        residues: uint64 ``[components, level + 1, N]`` with two or three components,
            ``c0 + c1·s (+ c2·s²)``; NTT form.
        scale: The factor that encoded values carry.
        seed: For a fresh ciphertext, the 32-byte public seed from which ``residues[1]`` expands
            (see `safelight.ckks.uniform`); the wire then carries the seed instead.
    """

    parameters: Parameters
    residues: UInt64Array
    scale: float
    seed: bytes | None = None

    @property
    def level(self) -> int:
        """How many rescalings are left."""
        return int(self.residues.shape[1]) - 1

    def __repr__(self) -> str:
        return (
            f"Ciphertext(components={self.residues.shape[0]}, level={self.level}, "
            f"n={self.residues.shape[2]}, scale=2^{np.log2(self.scale):.2f})"
        )


@dataclass(frozen=True)
class KeySwitchKey:
    """One key-switching key, trimmed to the highest level at which it is used.

    Digit i (0 ≤ i ≤ level) is an encryption of P·s' in residue i: ``b + a·s = e + P·s'·[i]``.

    Args:
        parameters: What it was made for.
        level: Highest ciphertext level that it serves.
        residues: uint64 ``[level + 1 digits, 2, level + 2 primes, N]``: component 0 is b,
            component 1 is a; the primes are q_0 … q_level and, last, P; NTT form.
        seed: The 32-byte seed from which the ``a`` parts expand, if the key is seeded.
    """

    parameters: Parameters
    level: int
    residues: UInt64Array
    seed: bytes | None = None

    def __repr__(self) -> str:
        return f"KeySwitchKey(level={self.level}, n={self.parameters.n})"


@dataclass(frozen=True)
class EvaluationKeys:
    """What a service needs of one client to run programs.

    Args:
        parameters: What they were made for.
        relinearization: Key from s² to s, or None where no program multiplies.
        galois: Key for each Galois element (3**step mod 2N).
    """

    parameters: Parameters
    relinearization: KeySwitchKey | None = None
    galois: Mapping[int, KeySwitchKey] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyRequirements:
    """Exactly the evaluation keys that a program uses, each with its highest level.

    Args:
        relinearization_level: Highest level of a multiplication, or None for no multiplication.
        galois_levels: Highest level for each Galois element.
    """

    relinearization_level: int | None
    galois_levels: Mapping[int, int]

    def union(self, other: KeyRequirements) -> KeyRequirements:
        """Keys that serve both programs."""
        levels = dict(self.galois_levels)
        for element, level in other.galois_levels.items():
            levels[element] = max(level, levels.get(element, level))
        relins = [
            r for r in (self.relinearization_level, other.relinearization_level) if r is not None
        ]
        return KeyRequirements(max(relins, default=None), dict(sorted(levels.items())))
