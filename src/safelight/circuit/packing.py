"""Chooses where every value sits in the slots, by the cost of the rotations that follow.

A beam search over the operations: each affine operation may place its result in several orders
and periods, and may first copy what it reads to skewed distances, so that several entries of the
matrix share a diagonal. The input costs nothing to arrange, because the client does it before it
encrypts. The choice is data (`Packing`), so a model can carry it and skip the search.
"""

from __future__ import annotations

import itertools
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
from safelight.circuit.graph import Shape
from safelight.circuit.layout import Layout, Order, candidate_orders, strided_orders
from safelight.circuit.normal_form import AffineOp, NormalForm, ProductOp
from safelight.circuit.sparse import IntArray, SparseMatrix
from safelight.errors import CompileError, SlotCountError

Watch = Callable[[float, float], None]
BEAM = 10
COPY_COUNTS = (2, 4, 8)
_REFINED = 8  # how many placements of an operation are tried with copies


@dataclass(frozen=True)
class Placement:
    """Where one value sits.

    Args:
        order: Arrangement of one copy.
        period: The value repeats at this distance all around the ring.
    """

    order: Order
    period: int

    def layout(self, ring: int, copies: tuple[int, int] = (1, 0)) -> Layout:
        """The layout on ``ring``; ``copies`` (count, stride) only where it does not repeat."""
        count, stride = copies
        offsets = (
            range(0, ring, self.period)
            if self.period < ring
            else [index * stride for index in range(count)]
        )
        return Layout(ring, self.order.base, tuple(offsets), self.order.name)


@dataclass(frozen=True)
class Packing:
    """The choice for a model.

    Args:
        records: Records that share a ciphertext.
        patches: Whether the client lays out the patches of the first convolution.
        input_order: Name of the arrangement of the input.
        input_copies: (count, stride) of the copies that the client makes.
        orders: For each operation the name of the order of its result.
        periods: For each operation the period of its result.
        copies: For each operation the (count, stride) copies made of what it reads.
    """

    records: int
    patches: bool
    input_order: str
    input_copies: tuple[int, int]
    orders: tuple[str, ...]
    periods: tuple[int, ...]
    copies: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``model.json``."""
        return {
            "records": self.records,
            "patches": self.patches,
            "input": [self.input_order, *self.input_copies],
            "ops": [
                [order, period, *copies]
                for order, period, copies in zip(
                    self.orders, self.periods, self.copies, strict=True
                )
            ],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Packing:
        """Reads `to_json`'s form."""
        try:
            order, count, stride = data["input"]
            ops = [(str(o), int(p), (int(c), int(s))) for o, p, c, s in data["ops"]]
            return cls(
                int(data["records"]),
                bool(data["patches"]),
                str(order),
                (int(count), int(stride)),
                tuple(op[0] for op in ops),
                tuple(op[1] for op in ops),
                tuple(op[2] for op in ops),
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise CompileError("the packing recorded with the model is malformed") from exc


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


def positions(slots: int, records: int) -> int:
    """Positions of each of ``records`` records.

    Raises:
        SlotCountError: Not a power of two, or more records than slots.
    """
    if not 0 < records <= slots or records & (records - 1):
        raise SlotCountError(
            f"{records} records cannot share {slots} slots",
            hint=f"give a power of two up to {slots}",
        )
    return slots // records


def check_sizes(form: NormalForm, ring: int, slots: int) -> None:
    """Refuses tensors larger than the ring."""
    shapes = [("input", form.input_shape), *((op.name, op.shape) for op in form.ops)]
    for name, shape in shapes:
        if math.prod(shape) > ring:
            raise SlotCountError(
                f"{name!r} has {math.prod(shape)} elements, more than the {ring} positions of a "
                f"ciphertext with {slots} slots",
                hint="use fewer channels, a larger stride, or fewer records at once",
            )


def placement_named(
    form: NormalForm,
    op: AffineOp,
    placements: Sequence[Placement],
    name: str,
    period: int,
    ring: int,
) -> Placement:
    """The placement of an operation's result with the recorded name and period."""
    for order in _orders(form, op, placements, ring):
        if order.name == name and order.extent <= period and ring % period == 0:
            return Placement(order, period)
    raise CompileError(f"operation {op.name!r} has no order {name!r} of period {period}")


def input_placement(form: NormalForm, packing: Packing, ring: int) -> Placement:
    """The placement of the input."""
    for order in candidate_orders(form.input_shape, ring):
        if order.name == packing.input_order:
            return Placement(order, ring)
    raise CompileError(f"the input has no order {packing.input_order!r}")


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


def _shape_of(form: NormalForm, value: int) -> Shape:
    return form.ops[value - 1].shape if value else form.input_shape


def _orders(
    form: NormalForm, op: AffineOp, placements: Sequence[Placement], ring: int
) -> Iterator[Order]:
    yield from candidate_orders(op.shape, ring)
    source = op.terms[0][0]
    for grid in strided_orders(placements[source].order, _shape_of(form, source), op.shape):
        if grid.extent <= ring:
            yield grid


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
    for order in _orders(form, op, state.placements, ring):
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


def effective_ring(source_period: int, period: int) -> int:
    """Positions after which both the value read and the result repeat."""
    return max(source_period, period)


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


def fold_rotations(ring: int, period: int) -> tuple[int, ...]:
    """Rotations that add up the images of a result of this period on the ring."""
    return tuple(
        itertools.takewhile(
            lambda step: step < ring, (period << k for k in range(ring.bit_length()))
        )
    )
