"""A matrix as generalised diagonals on slots: which distances, and in which giant steps.

With the result arranged at period P (``folds`` add up the P-periodic images), an entry (i, j)
can be served by any diagonal d with ``d ≡ position(j) − position(i) (mod P)``: the copies of the
input give a choice of classes, and a greedy cover takes few.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from safelight.circuit.layout import Layout
from safelight.circuit.sparse import FloatArray, IntArray, SparseMatrix

# Relative costs of one step at one level, in hoisted rotations (FACTS.md: 0.29, 0.43, 0.02 ms).
HOISTED_ROTATION = 1.0
ROTATION = 1.5
PLAIN_PRODUCT = 0.08
MAX_STRIDE = 512
_POWERS = tuple(1 << k for k in range(9, 16))


@dataclass(frozen=True)
class DiagonalPlan:
    """The diagonals of a matrix between two layouts.

    Args:
        diagonals: float64 ``[ring]`` for each distance.
        giant_steps: Baby steps of each giant step.
    """

    diagonals: Mapping[int, FloatArray]
    giant_steps: Mapping[int, tuple[int, ...]]


def choose_classes(
    matrix: SparseMatrix, source: Layout, target: IntArray, period: int
) -> tuple[IntArray, IntArray]:
    """For each entry of the matrix its distance modulo ``period``, and the copy it reads.

    Args:
        matrix: The map, rows arranged at ``target``, columns at ``source``.
        source: Layout of the vector read.
        target: int64 ``[rows]``: position of each result, below ``period``.
        period: Period of the result.
    """
    offsets = np.unique(np.array(source.copy_offsets) % period, return_index=True)[1]
    positions = source.positions()[np.sort(offsets)]
    distances = (positions[:, matrix.cols] - target[matrix.rows]) % period
    if len(positions) == 1:
        return distances[0], np.zeros(matrix.nonzeros, dtype=np.int64)
    chosen = np.full(matrix.nonzeros, -1, dtype=np.int64)
    open_entries = np.arange(matrix.nonzeros)
    counts = np.bincount(distances.ravel(), minlength=period)
    while open_entries.size:
        best = int(np.argmax(counts))
        here = distances[:, open_entries] == best
        served = here.any(axis=0)
        chosen[open_entries[served]] = best
        counts -= np.bincount(distances[:, open_entries[served]].ravel(), minlength=period)
        open_entries = open_entries[~served]
    copies = np.argmax(distances == chosen[None, :], axis=0)
    return chosen, np.sort(offsets)[copies]


def count_diagonals(matrix: SparseMatrix, source: Layout, target: IntArray, period: int) -> int:
    """How many diagonals the matrix has between these layouts."""
    return int(np.unique(choose_classes(matrix, source, target, period)[0]).size)


def plan_diagonals(
    matrix: SparseMatrix, source: Layout, target: IntArray, period: int
) -> DiagonalPlan:
    """Fills the diagonals and splits them into giant and baby steps."""
    distance, copy = choose_classes(matrix, source, target, period)
    ring = source.ring
    slot = (source.base[matrix.cols] + np.array(source.copy_offsets)[copy] - distance) % ring
    values: dict[int, FloatArray] = {}
    order = np.argsort(distance, kind="stable")
    bounds = np.flatnonzero(np.diff(distance[order], prepend=-1, append=-1))
    for start, stop in itertools.pairwise(bounds):
        entries = order[start:stop]
        diagonal = np.zeros(ring)
        np.add.at(diagonal, slot[entries], matrix.values[entries])
        values[int(distance[entries[0]])] = diagonal
    return DiagonalPlan(values, split_giant_steps(sorted(values)))


def split_cost(giant_steps: Mapping[int, Sequence[int]]) -> float:
    """Cost of a split: rotations by what they cost, and products."""
    babies = {baby for group in giant_steps.values() for baby in group if baby}
    giants = [giant for giant in giant_steps if giant]
    products = sum(map(len, giant_steps.values()))
    return HOISTED_ROTATION * len(babies) + ROTATION * len(giants) + PLAIN_PRODUCT * products


def split_giant_steps(distances: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """The cheapest split d = giant + baby with giants at multiples of one stride.

    Every stride below `MAX_STRIDE` and the powers of two above it are tried; equal costs keep the
    smaller. The last gives one giant step of zero: baby steps only.
    """
    array = np.array(distances, dtype=np.int64)
    best_cost, best_stride = np.inf, int(array.max()) + 1
    top = int(array.max()) + 1
    strides = [*range(1, min(top, MAX_STRIDE)), *(s for s in _POWERS if MAX_STRIDE <= s < top), top]
    for stride in strides:
        babies = np.unique(array % stride)
        giants = np.unique(array // stride)
        cost = HOISTED_ROTATION * np.count_nonzero(babies) + ROTATION * np.count_nonzero(giants)
        if cost < best_cost:
            best_cost, best_stride = cost, stride
    split: dict[int, list[int]] = {}
    for distance in distances:
        split.setdefault(distance // best_stride * best_stride, []).append(distance % best_stride)
    return {giant: tuple(sorted(babies)) for giant, babies in sorted(split.items())}
