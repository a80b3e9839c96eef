"""Resampling: how far a measure would move on another sample of the same size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.models.proportions import Estimate

Indices = NDArray[np.int64]

DRAWS = 2000
_LEAST_DRAWS = 200
_MOST_WORK = 40_000_000  # numbers sorted in all draws together: some seconds


def draws_for(count: int, columns: int = 1) -> int:
    """How many draws are worth their time for ``count`` cases of ``columns`` scores each."""
    return max(_LEAST_DRAWS, min(DRAWS, _MOST_WORK // max(1, count * columns)))


def resamples(strata: NDArray[Any] | None, count: int, draws: int, seed: int) -> Iterator[Indices]:
    """Positions of each draw, with replacement.

    Args:
        strata: Class of each case ``[count]``: each draw keeps the number of each; None for plain
            resampling.
        count: Number of cases.
        draws: Number of draws.
        seed: The same seed gives the same draws.
    """
    generator = np.random.default_rng(seed)
    if strata is None:
        groups = [np.arange(count)]
    else:
        groups = [np.flatnonzero(strata == k) for k in np.unique(strata)]
    for _ in range(draws):
        yield np.concatenate([generator.choice(group, len(group)) for group in groups])


def percentile_intervals(
    measure: Callable[[Indices], NDArray[np.float64]],
    strata: NDArray[Any] | None,
    count: int,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> list[Estimate]:
    """Measures of the whole sample, each with the 95 % percentile interval of its resamples.

    Args:
        measure: Values ``[k]`` of the cases at given positions; NaN where it has none.
        strata: As `resamples`.
        count: As `resamples`.
        draws: As `resamples`.
        seed: As `resamples`.
    """
    whole = measure(np.arange(count))
    drawn = np.array([measure(chosen) for chosen in resamples(strata, count, draws, seed)])
    found = []
    for value, column in zip(whole, drawn.T, strict=True):
        known = column[np.isfinite(column)]
        if not np.isfinite(value):
            found.append(Estimate(None))
        elif known.size < draws // 2:  # an interval of the lucky draws would be too narrow
            found.append(Estimate(float(value)))
        else:
            low, high = np.quantile(known, (0.025, 0.975))
            found.append(Estimate(float(value), float(low), float(high)))
    return found
