"""Chooses where every value sits in the slots, by the cost of the rotations that follow.

A beam search over the operations: each affine operation may place its result in several orders
and periods, and may first copy what it reads to skewed distances, so that several entries of the
matrix share a diagonal. The input costs nothing to arrange, because the client does it before it
encrypts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from safelight.circuit.diagonals import (
    HOISTED_ROTATION,
    PLAIN_PRODUCT,
    ROTATION,
    cover,
    distinct_distances,
    fewest_classes,
)
from safelight.circuit.layout import Order, candidate_orders
from safelight.circuit.normal_form import AffineOp, NormalForm, ProductOp
from safelight.circuit.packing import (
    Packing,
    Placement,
    check_sizes,
    effective_ring,
    orders_of,
    positions,
)
from safelight.circuit.sparse import IntArray, SparseMatrix
from safelight.errors import SlotCountError

Watch = Callable[[float, float], None]
BEAM = 10
COPY_COUNTS = (2, 4, 8)
_REFINED = 8  # how many placements of an operation are tried with copies


@dataclass(frozen=True)
class _State:
    placements: tuple[Placement, ...]
    packing: Packing
    cost: float


def search_packing(
    form: NormalForm,
    slots: int,
    records: int,
    levels: Sequence[int],
    watch: Watch = lambda *_: None,
) -> Packing:
    """The cheapest packing found.

    Args:
        form: The model.
        slots: Slots of a ciphertext.
        records: How many records share it, a power of two.
        levels: Level at which each operation runs.
        watch: Called with (operations placed, operations in all).

    Raises:
        SlotCountError: A value has more elements than the ring positions.
    """
    ring = positions(slots, records)
    check_sizes(form, ring, slots)
    _distance_cache.clear()
    states = list(_input_states(form, ring, records))
    for index, op in enumerate(form.ops):
        weight = (levels[index] + 1) * (levels[index] + 2)
        following: list[_State] = []
        cheapest: dict[tuple[str, int], float] = {}
        for state in states:
            following.extend(_extended(form, state, op, ring, weight, cheapest))
        following.sort(key=lambda state: state.cost)
        states = _distinct(following)[:BEAM]
        if not states:
            raise SlotCountError(f"operation {op.name!r} finds no place in {ring} positions")
        watch(index + 1, len(form.ops))
    _distance_cache.clear()
    return states[0].packing


def _distinct(states: list[_State]) -> list[_State]:
    """Of states with the same last placement keeps the first, the cheapest."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for state in states:
        key = _key(state.placements[-1])
        if key not in seen:
            seen.add(key)
            kept.append(state)
    return kept


def _input_states(form: NormalForm, ring: int, records: int) -> Iterator[_State]:
    for order in candidate_orders(form.input_shape, ring):
        packing = Packing(records, False, order.name, (1, 0), (), (), ())
        yield _State((Placement(order, ring),), packing, 0.0)


def _periods(extent: int, ring: int) -> list[int]:
    smallest = _power_above(extent)
    return sorted({min(smallest, ring), ring})


def _extended(
    form: NormalForm,
    state: _State,
    op: AffineOp | ProductOp,
    ring: int,
    weight: float,
    cheapest: dict[tuple[str, int], float],
) -> Iterator[_State]:
    """The states after one more operation.

    ``cheapest`` has the least cost so far of each last placement: only the cheapest state with it
    is kept (`_distinct`), so a choice that cannot be cheaper is not looked at.
    """
    if isinstance(op, ProductOp):
        left, right = state.placements[op.left], state.placements[op.right]
        if left.period == right.period and (left.order.base == right.order.base).all():
            yield _grown(state, left, (1, 0), 0.0)
        return
    options = []
    for order in orders_of(form, op, state.placements, ring):
        for period in _periods(order.extent, ring):
            placement = Placement(order, period)
            options.append((_cost(state, op, placement, (1, 0), ring), placement))
    options.sort(key=lambda option: option[0])
    for cost, placement in options:
        grown = _grown(state, placement, (1, 0), cost * weight)
        _note(cheapest, grown)
        yield grown
    for _, placement in options[:_REFINED]:
        for copies in _copy_choices(state, op, placement, ring):
            least = _cost(state, op, placement, copies, ring, fewest_classes)
            if state.cost + least * weight >= cheapest[_key(placement)]:
                continue
            cost = _cost(state, op, placement, copies, ring)
            grown = _grown(state, placement, copies, cost * weight)
            _note(cheapest, grown)
            yield grown


def _key(placement: Placement) -> tuple[str, int]:
    return placement.order.name, placement.period


def _note(cheapest: dict[tuple[str, int], float], state: _State) -> None:
    key = _key(state.placements[-1])
    cheapest[key] = min(state.cost, cheapest.get(key, math.inf))


def _grown(state: _State, placement: Placement, copies: tuple[int, int], cost: float) -> _State:
    packing = state.packing
    if len(state.placements) == 1 and copies != (1, 0):
        packing = replace(packing, input_copies=copies)
    packing = replace(
        packing,
        orders=(*packing.orders, placement.order.name),
        periods=(*packing.periods, placement.period),
        copies=(*packing.copies, copies),
    )
    return _State((*state.placements, placement), packing, state.cost + cost)


def _copy_choices(
    state: _State, op: AffineOp, placement: Placement, ring: int
) -> Iterator[tuple[int, int]]:
    """Copies (count, stride) of the one value read, with strides that shift the classes."""
    if len(op.terms) != 1:
        return
    source = state.placements[op.terms[0][0]]
    if source.period < ring:
        return
    extent = source.order.extent
    for count in COPY_COUNTS:
        skews = {0, placement.period // count, *(1 << k for k in range(8))}
        strides = {unit + skew for unit in (extent, _power_above(extent)) for skew in skews}
        for stride in sorted(strides):
            if stride * (count - 1) + extent <= ring:
                yield count, stride


def _power_above(value: int) -> int:
    return 1 << (value - 1).bit_length()


def _classes(distances: IntArray, offsets: IntArray, period: int) -> int:
    """How many classes the cover takes."""
    return np.unique(cover(distances, offsets, period)[0]).size


def _cost(
    state: _State,
    op: AffineOp,
    placement: Placement,
    copies: tuple[int, int],
    ring: int,
    classes: Callable[[IntArray, IntArray, int], int] = _classes,
) -> float:
    """Estimated cost in hoisted rotations at this level, from the number of classes."""
    total = 0.0
    widest = placement.period
    first = len(state.placements) == 1
    for source, matrix in op.terms:
        read = state.placements[source]
        around = effective_ring(read.period, placement.period)
        widest = max(widest, around)
        made = copies if source or first else state.packing.input_copies
        offsets = np.unique(np.array(read.layout(around, made).copy_offsets) % placement.period)
        distances = _distances(matrix, read.order, placement.order, placement.period)
        count = classes(distances, offsets, placement.period)
        total += 2 * math.sqrt(HOISTED_ROTATION * ROTATION * count) + PLAIN_PRODUCT * count
        if source and copies[0] > 1:
            total += ROTATION * math.log2(copies[0])
    return total + ROTATION * math.log2(widest / placement.period)


_distance_cache: dict[tuple[int, bytes, bytes, int], Any] = {}


def _distances(matrix: SparseMatrix, source: Order, target: Order, period: int) -> IntArray:
    """`distinct_distances`, remembered: the beam asks for the same ones many times."""
    key = (id(matrix), source.base.tobytes(), target.base.tobytes(), period)
    if key not in _distance_cache:
        found = distinct_distances(matrix, source.base, target.base, period)
        _distance_cache[key] = (matrix, found)  # holding the matrix keeps its id from reuse
    distances: IntArray = _distance_cache[key][1]
    return distances
