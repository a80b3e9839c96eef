"""The polynomial that stands in for one activation, fitted where its inputs really lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from safelight.circuit.graph import FloatArray

# Completing the square shifts the input by b/2a; the circuit allows 16 (MAX_SQUARE_SHIFT), and
# each doubling of the shift costs one bit of the value.
MAX_SHIFT = 8.0
# Share of the weight that lies evenly over the whole interval instead of where the data are, so
# that the polynomial stays near the activation in the margin, too.
EVEN_WEIGHT = 0.05
EVEN_POINTS = 65
MIN_SQUARE = 1e-6


@dataclass(frozen=True)
class Fit:
    """``activation(x) ≈ Σ_k coefficients[c, k] · ((x − centre[c]) / half[c])^k`` for channel c.

    Args:
        centre: float64 ``[channels]``: middle of the observed inputs.
        half: float64 ``[channels]``: half of the interval, with its margin.
        coefficients: float64 ``[channels, degree + 1]``, constant first.
        low: Smallest observed input.
        high: Largest.
    """

    centre: FloatArray
    half: FloatArray
    coefficients: FloatArray
    low: float
    high: float


def fit_activation(
    activation: Callable[[FloatArray], FloatArray],
    inputs: FloatArray,
    targets: FloatArray,
    *,
    low: FloatArray,
    high: FloatArray,
    degree: int,
    margin: float,
) -> Fit:
    """Least squares for each channel.

    Args:
        activation: What is replaced.
        inputs: float64 ``[samples, channels]``: what the layer gets in the network whose earlier
            activations are already replaced.
        targets: Same shape: what the layer gives in the original. So a fit makes up for the
            errors of those before it.
        low: float64 ``[channels]``: smallest input ever observed.
        high: Largest.
        degree: Of the polynomials, from 2.
        margin: Share by which the interval is wider than the observed inputs.
    """
    centre = (low + high) / 2
    half = (1.0 + margin) * (high - low) / 2
    # a channel that never changes: any width will do
    half = np.where(half > 1e-12 * (1.0 + np.abs(centre)), half, 1.0)
    even = np.cos(np.pi * (np.arange(EVEN_POINTS) + 0.5) / EVEN_POINTS)
    rows = []
    for channel in range(inputs.shape[1]):
        points = (inputs[:, channel] - centre[channel]) / half[channel]
        wanted = activation(centre[channel] + half[channel] * even)
        rows.append(_least_squares(points, targets[:, channel], even, wanted, degree))
    return Fit(centre, half, np.array(rows), float(low.min()), float(high.max()))


def _least_squares(
    points: FloatArray, targets: FloatArray, even: FloatArray, wanted: FloatArray, degree: int
) -> FloatArray:
    weights = np.concatenate(
        [
            np.full(points.size, np.sqrt((1.0 - EVEN_WEIGHT) / points.size)),
            np.full(even.size, np.sqrt(EVEN_WEIGHT / even.size)),
        ]
    )
    all_points = np.concatenate([points, even])
    all_targets = np.concatenate([targets, wanted])
    basis = chebyshev.chebvander(all_points, degree)
    solution, *_ = np.linalg.lstsq(basis * weights[:, None], all_targets * weights, rcond=None)
    coefficients = np.zeros(degree + 1)
    found = chebyshev.cheb2poly(solution)
    coefficients[: found.size] = found
    if degree == 2:
        return _with_small_shift(coefficients, all_points, all_targets, weights)
    return coefficients


def _with_small_shift(
    coefficients: FloatArray, points: FloatArray, targets: FloatArray, weights: FloatArray
) -> FloatArray:
    """The quadratic itself, or the best one whose square can be completed in one level."""
    if abs(coefficients[1]) <= 2 * MAX_SHIFT * abs(coefficients[2]) and (
        abs(coefficients[2]) >= MIN_SQUARE
    ):
        return coefficients
    best, least = coefficients, np.inf
    for sign in (1.0, -1.0):
        bent = points + sign * points**2 / (2 * MAX_SHIFT)
        basis = np.stack([np.ones_like(points), bent], axis=1) * weights[:, None]
        (constant, slope), *_ = np.linalg.lstsq(basis, targets * weights, rcond=None)
        error = float(np.sum((basis @ np.array([constant, slope]) - targets * weights) ** 2))
        if error < least:
            slope = slope if abs(slope) >= MIN_SQUARE else MIN_SQUARE
            # a hair inside the limit, whatever rounding does
            best = np.array([constant, slope, sign * slope * 1.0001 / (2 * MAX_SHIFT)])
            least = error
    return best
