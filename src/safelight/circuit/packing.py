"""Where every value sits in the slots: a choice that is data, so that a model can carry it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from safelight.circuit.graph import Shape
from safelight.circuit.layout import Layout, Order, candidate_orders, strided_orders
from safelight.circuit.normal_form import AffineOp, NormalForm
from safelight.errors import CompileError, SlotCountError


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
    for order in orders_of(form, op, placements, ring):
        if order.name == name and order.extent <= period and ring % period == 0:
            return Placement(order, period)
    raise CompileError(f"operation {op.name!r} has no order {name!r} of period {period}")


def input_placement(form: NormalForm, packing: Packing, ring: int) -> Placement:
    """The placement of the input."""
    for order in candidate_orders(form.input_shape, ring):
        if order.name == packing.input_order:
            return Placement(order, ring)
    raise CompileError(f"the input has no order {packing.input_order!r}")


def _shape_of(form: NormalForm, value: int) -> Shape:
    return form.ops[value - 1].shape if value else form.input_shape


def orders_of(
    form: NormalForm, op: AffineOp, placements: Sequence[Placement], ring: int
) -> Iterator[Order]:
    """The orders that an operation's result may have."""
    yield from candidate_orders(op.shape, ring)
    source = op.terms[0][0]
    for grid in strided_orders(placements[source].order, _shape_of(form, source), op.shape):
        if grid.extent <= ring:
            yield grid


def effective_ring(source_period: int, period: int) -> int:
    """Positions after which both the value read and the result repeat."""
    return max(source_period, period)


def fold_rotations(ring: int, period: int) -> tuple[int, ...]:
    """Rotations that add up the images of a result of this period on the ring."""
    return tuple(
        itertools.takewhile(
            lambda step: step < ring, (period << k for k in range(ring.bit_length()))
        )
    )
