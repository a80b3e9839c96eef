"""A matrix as generalised diagonals on slots: which distances, and in which giant steps.

With the result arranged at period P (``folds`` add up the P-periodic images), an entry (i, j)
can be served by any diagonal d with ``d ≡ position(j) − position(i) (mod P)``: the copies of the
input give a choice of classes, and a greedy cover takes few.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from safelight.circuit.giant_chains import turns_of
from safelight.circuit.layout import Layout
from safelight.circuit.sparse import FloatArray, IntArray, SparseMatrix

# Relative costs of one step at one level, in hoisted rotations (FACTS.md: 0.29, 0.43, 0.02 ms).
HOISTED_ROTATION = 1.0
ROTATION = 1.5
PLAIN_PRODUCT = 0.08
# A rotation key that nothing else in the program uses: megabytes to upload, keep and stream.
KEY = 1.0
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


def cover(distances: IntArray, offsets: IntArray, period: int) -> tuple[IntArray, IntArray]:
    """A small set of classes that serves every distance through one of the copies.

    Greedy: the class that serves most of the open distances is taken, the smallest of equals.

    Args:
        distances: The distinct distances, modulo ``period``, of the first copy.
        offsets: int64 ``[copies]``: what each copy adds to a distance.
        period: Period of the result.

    Returns:
        The class of each distance, and the copy through which it is served.
    """
    options = (distances[None, :] + offsets[:, None]) % period
    if len(options) == 1:
        return options[0], np.zeros(distances.size, dtype=np.int64)
    table = options.T.tolist()
    counts = np.bincount(options.ravel(), minlength=period).tolist()
    members: dict[int, list[int]] = {}
    for index, row in enumerate(table):
        for option in row:
            members.setdefault(option, []).append(index)
    heap = [(-counts[option], option) for option in members]
    heapq.heapify(heap)
    chosen, still_open = [-1] * len(table), len(table)
    while still_open:
        count, best = heap[0]
        if -count != counts[best]:  # others have served some of its distances since
            heapq.heapreplace(heap, (-counts[best], best))
            continue
        for index in members[best]:
            if chosen[index] < 0:
                chosen[index] = best
                still_open -= 1
                for option in table[index]:
                    counts[option] -= 1
    found = np.array(chosen, dtype=np.int64)
    return found, np.argmax(options == found[None, :], axis=0)


def fewest_classes(distances: IntArray, offsets: IntArray, period: int) -> int:
    """A number of classes that no cover goes below: so many of the busiest serve everything."""
    options = (distances[None, :] + offsets[:, None]) % period
    busiest = np.sort(np.bincount(options.ravel()))[::-1]
    return min(int(np.searchsorted(np.cumsum(busiest), distances.size)) + 1, distances.size)


def distinct_distances(
    matrix: SparseMatrix, source: IntArray, target: IntArray, period: int
) -> IntArray:
    """The distances modulo ``period`` from results at ``target`` to what they read."""
    present = np.zeros(period, dtype=bool)
    present[(source[matrix.cols] - target[matrix.rows]) % period] = True
    return np.flatnonzero(present)


def plan_diagonals(
    matrix: SparseMatrix,
    source: Layout,
    target: IntArray,
    period: int,
    *,
    around: int | None = None,
    held: Collection[int] = (),
) -> DiagonalPlan:
    """Fills the diagonals and splits them into giant and baby steps.

    Args:
        matrix: The linear map.
        source: Where its input sits.
        target: Positions of its result.
        period: Of the result.
        around: Positions of the whole ring, along which ``source`` repeats; its own by default.
        held: Rotations whose keys the program has anyway.
    """
    around = source.ring if around is None else around
    offsets = np.array(source.copy_offsets, dtype=np.int64)
    entry_distance = (source.base[matrix.cols] - target[matrix.rows]) % period
    distances, inverse = np.unique(entry_distance, return_inverse=True)
    classes, copies = cover(distances, offsets, period)
    classes, split = signed_split(classes, period, around, held)
    distance, copy = classes[inverse], copies[inverse]
    ring = source.ring
    slot = (source.base[matrix.cols] + offsets[copy] - distance) % ring
    values: dict[int, FloatArray] = {}
    order = np.argsort(distance, kind="stable")
    bounds = np.flatnonzero(np.diff(distance[order], prepend=distance.min() - 1, append=ring))
    for start, stop in itertools.pairwise(bounds):
        entries = order[start:stop]
        diagonal = np.zeros(ring)
        np.add.at(diagonal, slot[entries], matrix.values[entries])
        values[int(distance[entries[0]])] = diagonal
    return DiagonalPlan(
        {d % around: diagonal for d, diagonal in values.items()},
        {giant % around: babies for giant, babies in split.items()},
    )


def signed_split(
    distances: IntArray, period: int, around: int, held: Collection[int] = ()
) -> tuple[IntArray, dict[int, tuple[int, ...]]]:
    """The same distances modulo ``period``, counted from where they split best, and the split.

    A few steps back look like a long way forward; cutting the circle of distances elsewhere
    than at zero keeps regular distances regular. Tried are zero, the widest gap, the narrowest
    and halfway.
    """
    unique = np.unique(distances)
    gaps = np.diff(unique, append=unique[0] + period)
    best: tuple[float, IntArray, dict[int, tuple[int, ...]]] | None = None
    halfway = unique[max(0, int(np.searchsorted(unique, period // 2)) - 1)]
    cuts = (unique[-1], unique[int(np.argmax(gaps))], unique[int(np.argmin(gaps))], halfway)
    for last in dict.fromkeys(map(int, cuts)):
        signed = np.where(distances > last, distances - period, distances)
        cost, split = split_giant_steps(np.unique(signed).tolist(), around, held)
        if best is None or cost < best[0]:
            best = cost, signed, split
    assert best is not None
    return best[1], best[2]


def split_giant_steps(
    distances: Sequence[int], around: int, held: Collection[int] = ()
) -> tuple[float, dict[int, tuple[int, ...]]]:
    """The cheapest split d = giant + baby with giants at multiples of one stride, and its cost.

    Rotations and keys that only this split needs count (`safelight.circuit.giant_chains`). Every
    stride below `MAX_STRIDE`, multiples of the distances' common divisor and powers of two
    are tried; equal costs keep the smaller stride.
    """
    array = np.array(distances, dtype=np.int64)
    best_cost, best_stride = np.inf, 1
    top = int(np.abs(array).max()) + 1
    units = {1, int(np.gcd.reduce(array)) or 1}
    strides = {
        *(unit * k for unit in units for k in range(1, MAX_STRIDE) if unit * k < top),
        *(power for power in _POWERS if power < top),
        top,
    }
    for stride in sorted(strides):
        babies = np.unique(array % stride)
        giants = np.unique(array // stride)
        cost = HOISTED_ROTATION * np.count_nonzero(babies) + ROTATION * np.count_nonzero(giants)
        if cost < best_cost:
            turns = turns_of((giants * stride % around).tolist(), around)
            cost += KEY * len((turns | set(babies.tolist()) - {0}).difference(held))
        if cost < best_cost:
            best_cost, best_stride = cost, stride
    split: dict[int, list[int]] = {}
    for distance in distances:
        split.setdefault(distance // best_stride * best_stride, []).append(distance % best_stride)
    return best_cost, {giant: tuple(sorted(babies)) for giant, babies in sorted(split.items())}
