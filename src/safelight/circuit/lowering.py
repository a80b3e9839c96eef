"""From operations, scales and packing to the steps of a program."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from safelight.circuit.checks import rotations_of
from safelight.circuit.diagonals import plan_diagonals
from safelight.circuit.layout import Layout
from safelight.circuit.normal_form import AffineOp, NormalForm, ProductOp
from safelight.circuit.packing import (
    Packing,
    Placement,
    effective_ring,
    fold_rotations,
    input_placement,
    placement_named,
)
from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    Program,
    Rescale,
    RotateAndSum,
    Step,
)
from safelight.circuit.scale_search import OpScale
from safelight.circuit.scales import ScalePlan
from safelight.errors import CompileError


@dataclass(frozen=True)
class Lowered:
    """A program and where its input and output sit.

    Args:
        program: The steps.
        input_layout: Layout of one record's input on the ring.
        output_layout: Layout of one record's output on the ring.
    """

    program: Program
    input_layout: Layout
    output_layout: Layout


@dataclass(frozen=True)
class _Value:
    register: int
    level: int
    scale: float
    placement: Placement


def lower(name: str, form: NormalForm, plan: ScalePlan, packing: Packing) -> Lowered:
    """Builds the program.

    1. The input arrives at the highest level, on the waterline.
    2. Each affine operation: copies, one linear transform a term, rescalings, folds, bias.
    3. Each product: both sides to one level, relinearised, rescalings.
    4. The output drops to level 0.
    """
    if len(packing.orders) != len(form.ops):
        raise CompileError(
            f"the packing is of {len(packing.orders)} operations, the model has {len(form.ops)}",
            hint="record the packing of this model again: safelight compile MODEL --record",
        )
    lowering = _Lowering(form, plan, packing)
    for op, op_scale, order, period, copies in zip(
        form.ops, plan.op_scales, packing.orders, packing.periods, packing.copies, strict=True
    ):
        if isinstance(op, ProductOp):
            lowering.product(op, op_scale)
        else:
            placement = placement_named(
                form, op, [v.placement for v in lowering.values], order, period, lowering.ring
            )
            lowering.affine(op, op_scale, placement, copies)
    return lowering.finish(name)


class _Lowering:
    def __init__(self, form: NormalForm, plan: ScalePlan, packing: Packing) -> None:
        self.form, self.plan, self.packing = form, plan, packing
        self.parameters = plan.parameters
        self.records = packing.records
        self.ring = self.parameters.slots // self.records
        self.waterline = 2.0**plan.waterline_bits
        self.steps: list[Step] = []
        self.registers = 1
        placement = input_placement(form, packing, self.ring)
        self.values = [_Value(0, self.parameters.max_level, self.waterline, placement)]

    def _new(self) -> int:
        self.registers += 1
        return self.registers - 1

    def _slots(self, positions: np.ndarray) -> np.ndarray:
        """From ring positions (one record) to slots: every record gets the same."""
        around = np.tile(positions, self.ring // positions.size)
        return np.repeat(around, self.records)

    def _at_level(self, value: _Value, level: int, label: str) -> int:
        if value.level == level:
            return value.register
        register = self._new()
        self.steps.append(DropLevel(register, value.register, level, label))
        return register

    def _rescaled(
        self, register: int, level: int, scale: float, count: int, label: str
    ) -> tuple[int, int, float]:
        for _ in range(count):
            following = self._new()
            self.steps.append(Rescale(following, register, label))
            scale /= self.parameters.primes[level]
            register, level = following, level - 1
        return register, level, scale

    def product(self, op: ProductOp, op_scale: OpScale) -> None:
        left, right = self.values[op.left], self.values[op.right]
        ours, theirs = left.placement, right.placement
        if ours.period != theirs.period or (ours.order.base != theirs.order.base).any():
            raise CompileError(  # the search never does this; a recorded packing may
                f"the packing puts the factors of {op.name!r} in different places",
                hint="record the packing of this model again: safelight compile MODEL --record",
            )
        level = min(left.level, right.level)
        first = self._at_level(left, level, op.name)
        second = first if op.left == op.right else self._at_level(right, level, op.name)
        register = self._new()
        self.steps.append(Multiply(register, first, second, op.name))
        state = self._rescaled(
            register, level, left.scale * right.scale, op_scale.rescales, op.name
        )
        self.values.append(_Value(*state, left.placement))

    def affine(
        self, op: AffineOp, op_scale: OpScale, placement: Placement, copies: tuple[int, int]
    ) -> None:
        level = min(self.values[source].level for source, _ in op.terms)
        divided = self.parameters.primes[level - op_scale.rescales + 1 : level + 1]
        if divided:
            raw_scale = 2.0**op_scale.scale_bits * math.prod(map(float, divided))
        else:
            source, weight_bits = op.terms[0][0], op_scale.weight_bits[0]
            raw_scale = self.values[source].scale * 2.0**weight_bits
        total: int | None = None
        # one ring for all terms: the folds add up the images of every term alike
        widest = max(
            effective_ring(self.values[source].placement.period, placement.period)
            for source, _ in op.terms
        )
        for source, matrix in op.terms:
            value = self.values[source]
            read = self._at_level(value, level, op.name)
            if source and copies[0] > 1:
                read = self._copied(read, copies, op.name)
            made = copies if source else self.packing.input_copies
            layout = value.placement.layout(widest, made)
            planned = plan_diagonals(
                matrix,
                layout,
                placement.order.base,
                placement.period,
                around=self.ring,
                held=self._held(),
            )
            register = self._new()
            self.steps.append(
                LinearTransform(
                    register,
                    read,
                    {d * self.records: self._slots(v) for d, v in planned.diagonals.items()},
                    {
                        giant * self.records: tuple(baby * self.records for baby in babies)
                        for giant, babies in planned.giant_steps.items()
                    },
                    raw_scale / value.scale,
                    op.name,
                )
            )
            total = register if total is None else self._added(total, register, op.name)
        assert total is not None
        folds = tuple(step * self.records for step in fold_rotations(widest, placement.period))
        # folding after the rescaling is cheaper, before it finer: its rounding is not added up,
        # and rotations add their noise at the larger scale
        register = self._folded(total, folds, op.name)
        register, level, scale = self._rescaled(
            register, level, raw_scale, op_scale.rescales, op.name
        )
        if op_scale.rescales:
            scale = 2.0**op_scale.scale_bits
        if op.bias.any():
            biased = self._new()
            bias = np.zeros(placement.period)
            bias[placement.order.base] = op.bias
            self.steps.append(AddPlain(biased, register, self._slots(bias), op.name))
            register = biased
        self.values.append(_Value(register, level, scale, placement))

    def _held(self) -> set[int]:
        """Rotations so far, in positions of a record."""
        slots = self.parameters.slots
        made = (rotations_of(step, slots) for step in self.steps)
        return {rotation // self.records for rotation in set().union(*made)}

    def _folded(self, register: int, rotations: tuple[int, ...], label: str) -> int:
        if not rotations:
            return register
        folded = self._new()
        self.steps.append(RotateAndSum(folded, register, rotations, label))
        return folded

    def _added(self, left: int, right: int, label: str) -> int:
        register = self._new()
        self.steps.append(Add(register, left, right, label))
        return register

    def _copied(self, register: int, copies: tuple[int, int], label: str) -> int:
        count, stride = copies
        slots = self.parameters.slots
        rotations = tuple(
            (-stride * (1 << k) * self.records) % slots for k in range(count.bit_length() - 1)
        )
        result = self._new()
        self.steps.append(RotateAndSum(result, register, rotations, label))
        return result

    def finish(self, name: str) -> Lowered:
        last = self.values[-1]
        output = self._at_level(last, 0, "output")
        program = Program(
            name,
            self.parameters,
            self.waterline,
            self.parameters.max_level,
            tuple(self.steps),
            output,
        )
        read = self.values[0].placement.layout(self.ring, self.packing.input_copies)
        return Lowered(program, read, last.placement.layout(self.ring))
