"""Runs a program on plain vectors in NumPy: the definition of what every engine computes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from safelight.circuit.checks import register_states
from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    MultiplyPlain,
    Program,
    Rescale,
    RotateAndSum,
    Step,
    Vector,
)


def run_clear(
    program: Program,
    slots: Vector,
    watch: Callable[[Step, Vector], None] | None = None,
) -> Vector:
    """The output slots of a program for plain input slots.

    Args:
        program: Checked before it runs.
        slots: float64 ``[S]``.
        watch: Called with each step and the register it wrote.
    """
    register_states(program)
    registers: dict[int, Vector] = {0: np.asarray(slots, dtype=np.float64)}
    for step in program.steps:
        registers[step.dst] = _run_step(step, registers)
        if watch is not None:
            watch(step, registers[step.dst])
    return registers[program.output]


def _rotate(vector: Vector, step: int) -> Vector:
    return np.roll(vector, -step)


def _run_step(step: Step, registers: dict[int, Vector]) -> Vector:
    match step:
        case LinearTransform():
            source = registers[step.src]
            total = np.zeros_like(source)
            for distance, diagonal in step.diagonals.items():
                total += diagonal * _rotate(source, distance)
            return total
        case RotateAndSum():
            value = registers[step.src]
            for rotation in step.rotations:
                value = value + _rotate(value, rotation)
            return value
        case Multiply():
            return registers[step.left] * registers[step.right]
        case MultiplyPlain():
            return registers[step.src] * step.values
        case Add():
            return registers[step.left] + registers[step.right]
        case AddPlain():
            return registers[step.src] + step.values
        case Rescale() | DropLevel():
            return registers[step.src]
