"""Whether a probability means what it says: of all given 0.7, seven in ten should be diseased.

**Source**: reliability and temperature scaling as Guo et al. 2017, arXiv 1706.04599; Brier 1950.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError

FloatArray = NDArray[np.float64]

BINS = 10
TEMPERATURES = (0.05, 20.0)
"""Temperatures searched for; a network beyond them is not merely over- or underconfident."""


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases whose probability fell between ``low`` and ``high``.

    Args:
        low: Lower end.
        high: Upper end.
        count: How many cases; without any, the others are 0.
        probability: Their mean probability.
        frequency: How often it came true.
    """

    low: float
    high: float
    count: int
    probability: float
    frequency: float


@dataclass(frozen=True)
class Calibration:
    """How honest probabilities are.

    Args:
        expected_error: ECE: mean distance of probability and frequency over bins of equal width,
            weighted by cases.
        brier: Mean squared distance of probability and truth (binary, or one label of several),
            or its sum over classes (one class of several).
        bins: The reliability diagram.
    """

    expected_error: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


def calibration(events: NDArray[Any], probabilities: NDArray[Any], brier: float) -> Calibration:
    """Reliability of probabilities against events (0 or 1), both ``[n]``."""
    chance, truth = np.asarray(probabilities, dtype=np.float64), np.asarray(events) == 1
    place = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
    bins, error = [], 0.0
    for k in range(BINS):
        inside = place == k
        count = int(inside.sum())
        mean = float(chance[inside].mean()) if count else 0.0
        share = float(truth[inside].mean()) if count else 0.0
        error += count * abs(mean - share) / len(chance)
        bins.append(ReliabilityBin(k / BINS, (k + 1) / BINS, count, mean, share))
    return Calibration(error, brier, tuple(bins))


def fit_temperature(
    loss_at: Any, *, span: tuple[float, float] = TEMPERATURES, steps: int = 60
) -> float:
    """The divisor of the logits with the least loss, by golden section on its logarithm.

    The log loss has one minimum in 1/T (it is convex there), so narrowing finds it.

    Args:
        loss_at: The loss of validation data at a temperature. Never of the test split: the
            calibration measured there would be that of data already seen.
        span: Smallest and largest temperature.
        steps: Narrowings; each keeps 62 % of the span.

    Raises:
        InputError: The loss is not a number.
    """
    golden = (np.sqrt(5.0) - 1) / 2
    low, high = np.log(span[0]), np.log(span[1])
    for _ in range(steps):
        left, right = high - golden * (high - low), low + golden * (high - low)
        losses = float(loss_at(np.exp(left))), float(loss_at(np.exp(right)))
        if not np.isfinite(losses).all():
            raise InputError("the loss is not a number at some temperature")
        if losses[0] <= losses[1]:
            high = right
        else:
            low = left
    return float(np.exp((low + high) / 2))
