"""Slots to polynomial coefficients: the canonical embedding, as SEAL's encoder defines it.

Slot i is the polynomial's value at ζ^(3^i), ζ = exp(iπ/N); real slots fix the values at the
conjugate roots too. This is for the model's public constants; what is secret is encoded by SEAL.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.program import Vector
from safelight.errors import ProgramError

# doubles up to here carry every integer's leading bits; CKKS constants are far below
_MAX_COEFFICIENT = 2.0**900


@lru_cache(maxsize=8)
def _embedding(
    n: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Positions (e − 1)/2 of the roots ζ^e of each slot and of its conjugate; ζ^k, its parts."""
    exponents = np.empty(n // 2, dtype=np.intp)
    exponent = 1
    for slot in range(n // 2):
        exponents[slot] = exponent
        exponent = exponent * 3 % (2 * n)
    angles = np.pi * np.arange(n) / n
    return (exponents - 1) // 2, (2 * n - exponents - 1) // 2, np.cos(angles), np.sin(angles)


def encode_coefficients(values: Vector, n: int, scale: float) -> NDArray[np.float64]:
    """Integer coefficients (as doubles) of the polynomials that hold ``values`` times ``scale``.

    Args:
        values: float64 ``[..., N/2]`` real slots.
        n: Ring degree N.
        scale: Factor that the plaintext carries.

    Returns:
        float64 ``[..., N]``, every element an integer.

    Raises:
        ProgramError: The shape is wrong, or a value is not finite or too large for its scale.
    """
    slots = np.asarray(values, dtype=np.float64)
    if slots.shape[-1] != n // 2:
        raise ProgramError(f"a constant has {slots.shape[-1]} slots, not {n // 2}")
    positions, conjugates, cosines, sines = _embedding(n)
    spectrum = np.empty((*slots.shape[:-1], n), dtype=np.float64)
    spectrum[..., positions] = slots
    spectrum[..., conjugates] = slots
    # Re(F_k ζ^−k) of the transform F of real values, whose upper half mirrors the lower one
    half = np.fft.rfft(spectrum, axis=-1)
    middle = n // 2 + 1
    coefficients = spectrum  # its values are in the transform now
    coefficients[..., :middle] = half.real * cosines[:middle] + half.imag * sines[:middle]
    mirrored = half[..., middle - 2 : 0 : -1]
    coefficients[..., middle:] = mirrored.real * cosines[middle:] - mirrored.imag * sines[middle:]
    coefficients *= scale / n
    rounded = np.rint(coefficients, out=coefficients)
    if not (np.abs(rounded) < _MAX_COEFFICIENT).all():
        raise ProgramError("a constant of the program is not finite, or too large for its scale")
    return rounded
