"""Antialiased resizing with a triangle filter, specified to the last bit.

docs/preprocessing.md states the algorithm step by step with a test vector. Every sum runs in
ascending order and no operation is fused, so that plain float64 arithmetic in another language
gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.imaging.image import Pixels


@dataclass(frozen=True)
class Taps:
    """For each output position, the input positions that it is made of.

    Args:
        positions: int64 ``[out, taps]``; padded with valid positions of weight 0.
        weights: float64 ``[out, taps]``; each row sums to 1.
    """

    positions: NDArray[np.int64]
    weights: Pixels


def triangle_taps(size_in: int, size_out: int) -> Taps:
    """Weights of the triangle filter from ``size_in`` samples to ``size_out``.

    The filter is as wide as two input samples when enlarging, and as two output samples when
    reducing. Positions beyond the edge are left out before the weights are normalised.
    """
    scale = size_in / size_out
    radius = max(scale, 1.0)
    centres = (np.arange(size_out, dtype=np.float64) + 0.5) * scale
    first = np.maximum(np.floor(centres - radius), 0.0).astype(np.int64)
    beyond = np.minimum(np.ceil(centres + radius), size_in).astype(np.int64)
    count = int((beyond - first).max())
    positions = first[:, np.newaxis] + np.arange(count)
    distance = np.abs((positions + 0.5) - centres[:, np.newaxis])
    weights = np.maximum(1.0 - distance / radius, 0.0)
    weights[positions >= beyond[:, np.newaxis]] = 0.0
    total = np.zeros(size_out)
    for tap in range(count):
        total = total + weights[:, tap]
    return Taps(
        positions=np.minimum(positions, size_in - 1), weights=weights / total[:, np.newaxis]
    )


def resize(planes: Pixels, height: int, width: int) -> Pixels:
    """``[C, H, W]`` to ``[C, height, width]``: along rows first, then along columns.

    A plane that already has a size along an axis is unchanged along it.
    """
    return _along_columns(_along_rows(planes, width), height)


def _along_rows(planes: Pixels, width: int) -> Pixels:
    if planes.shape[2] == width:
        return planes
    taps = triangle_taps(planes.shape[2], width)
    result = np.zeros((planes.shape[0], planes.shape[1], width))
    for tap in range(taps.weights.shape[1]):
        result = result + planes[:, :, taps.positions[:, tap]] * taps.weights[:, tap]
    return result


def _along_columns(planes: Pixels, height: int) -> Pixels:
    if planes.shape[1] == height:
        return planes
    taps = triangle_taps(planes.shape[1], height)
    result = np.zeros((planes.shape[0], height, planes.shape[2]))
    for tap in range(taps.weights.shape[1]):
        weights = taps.weights[:, tap][:, np.newaxis]
        result = result + planes[:, taps.positions[:, tap], :] * weights
    return result
