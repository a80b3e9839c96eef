"""The AUC's interval from its own variance, without resampling.

**Source**: DeLong, DeLong, Clarke-Pearson 1988, Biometrics 44(3); the midrank form of Sun and Xu
2014, IEEE Signal Processing Letters 21(11).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.models.metrics import midranks
from safelight.models.proportions import Z_95, Estimate


def delong(labels: NDArray[Any], scores: NDArray[Any]) -> Estimate:
    """AUC with DeLong's 95 % interval, cut to 0 … 1.

    No interval where a class has fewer than two cases: its variance cannot be estimated.

    Args:
        labels: 0 or 1, ``[n]``, both present.
        scores: ``[n]``.
    """
    truth, score = np.asarray(labels) == 1, np.asarray(scores, dtype=np.float64)
    diseased, healthy = score[truth], score[~truth]
    m, n = len(diseased), len(healthy)
    # the share of healthy below each diseased, and of diseased above each healthy, ties half
    together = midranks(np.concatenate([diseased, healthy]))
    above = (together[:m] - midranks(diseased)) / n
    below = 1.0 - (together[m:] - midranks(healthy)) / m
    area = float(above.mean())
    if min(m, n) < 2:
        return Estimate(area)
    variance = float(above.var(ddof=1)) / m + float(below.var(ddof=1)) / n
    half = Z_95 * math.sqrt(variance)
    return Estimate(area, max(0.0, area - half), min(1.0, area + half))
