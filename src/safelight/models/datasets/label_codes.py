"""Labels of a file whose two values are not 0 and 1, and classes that no label names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

TWO_VALUES = ((0, 255), (-1, 1))
"""No and yes as masks and as support vector machines write them."""


def recoded(
    labels: Mapping[str, NDArray[np.int64]],
) -> tuple[Mapping[str, NDArray[np.int64]], str]:
    """0 and 1 for the two values of `TWO_VALUES`, if all labels are such; else as they are.

    Args:
        labels: Of each split.

    Returns:
        The labels, and what was done in words; empty for nothing.
    """
    found = tuple(np.unique(np.concatenate([each.ravel() for each in labels.values()])).tolist())
    if found not in TWO_VALUES:
        return labels, ""
    low, high = found
    ones = {name: (each == high).astype(np.int64) for name, each in labels.items()}
    return ones, f"labels {low} and {high} are taken for 0 and 1"


def in_words(numbers: Iterable[int], *, most: int = 5) -> str:
    """Ascending numbers, runs of them as ``first … last``, the ``most`` first of these."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    said = [" … ".join(map(str, run)) for run in runs[:most]]
    return ", ".join(said + ["and more"] * (len(runs) > most))
