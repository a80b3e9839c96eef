"""Weights of wider convolutions, as those of the circuit's: with the zeros written out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray


def ungrouped(weight: FloatArray, groups: int) -> FloatArray:
    """A grouped convolution's weight with the zeros written out."""
    if groups == 1:
        return weight
    outputs, inputs = weight.shape[0] // groups, weight.shape[1]
    full = np.zeros((weight.shape[0], inputs * groups, *weight.shape[2:]))
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        full[rows, group * inputs : (group + 1) * inputs] = weight[rows]
    return full


def spread(weight: FloatArray, dilation: Sequence[int]) -> FloatArray:
    """A dilated convolution's weight with the zeros written out."""
    if tuple(dilation) == (1, 1):
        return weight
    height, width = (
        (size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilation, strict=True)
    )
    full = np.zeros((*weight.shape[:2], height, width))
    full[:, :, :: dilation[0], :: dilation[1]] = weight
    return full


def symmetric(weight: FloatArray, pads: Sequence[int]) -> tuple[FloatArray, tuple[int, int]]:
    """The same convolution with equal padding on both sides: zeros extend the kernel instead."""
    top, left, bottom, right = pads
    height, width = max(top, bottom), max(left, right)
    edges = ((0, 0), (0, 0), (height - top, height - bottom), (width - left, width - right))
    extended: NDArray[np.float64] = np.pad(weight, edges)
    return extended, (height, width)
