"""What a program must satisfy before anyone looks at its levels and scales.

`safelight.circuit.checks` judges levels and scales; here it is decided that every register,
rotation and constant that a step names exists, so that later code may index without fear.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

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
from safelight.errors import MalformedError

# Our largest compiled model has some 60 steps; a stranger's may not keep us busy parsing.
MAX_STEPS = 4096
# Registers may be numbered with gaps, but engines keep arrays of them.
MAX_REGISTER = 65535
MAX_NAME_CHARS = 100
MAX_LABEL_CHARS = 200


def check_structure(program: Program) -> None:
    """Refuses a program with a step that cannot be run whatever the scales.

    Raises:
        MalformedError: Registers read before they are written or written twice, constants of
            another length or not finite, giant and baby steps that are not the diagonals, numbers
            out of range.
    """
    slots, top = program.parameters.slots, program.parameters.max_level
    _check_text(program.name, MAX_NAME_CHARS, "the name")
    if not program.name:
        raise MalformedError("the program has no name")
    if not 0 <= program.input_level <= top:
        raise MalformedError(f"input level {program.input_level}, not 0 to {top}")
    _check_scale(program.input_scale, "the input")
    if len(program.steps) > MAX_STEPS:
        raise MalformedError(f"{len(program.steps)} steps, above {MAX_STEPS}")
    written = {0}
    for index, step in enumerate(program.steps):
        where = f"step {index}"
        if not set(sources(step)) <= written:
            raise MalformedError(f"{where} reads a register that is not written yet")
        if step.dst in written or not 0 < step.dst <= MAX_REGISTER:
            raise MalformedError(f"{where} writes register {step.dst}, again or out of range")
        written.add(step.dst)
        _check_text(step.label, MAX_LABEL_CHARS, f"the label of {where}")
        _check_step(step, slots, top, where)
    if program.output not in written:
        raise MalformedError("the output register is never written")


def sources(step: Step) -> tuple[int, ...]:
    """The registers that a step reads."""
    return (step.left, step.right) if isinstance(step, Multiply | Add) else (step.src,)


def constants(step: Step) -> list[Vector]:
    """The constant vectors of a step, diagonals in ascending order."""
    if isinstance(step, LinearTransform):
        return [step.diagonals[d] for d in sorted(step.diagonals)]
    return [step.values] if isinstance(step, MultiplyPlain | AddPlain) else []


def _check_step(step: Step, slots: int, top: int, where: str) -> None:
    for vector in constants(step):
        if vector.shape != (slots,) or vector.dtype != np.float64:
            raise MalformedError(f"a constant of {where} is not float64 [{slots}]")
        if not np.isfinite(vector).all():
            raise MalformedError(f"a constant of {where} is not finite")
    match step:
        case LinearTransform():
            _check_scale(step.scale, where)
            _check_split(step, slots, where)
        case MultiplyPlain():
            _check_scale(step.scale, where)
        case RotateAndSum():
            _check_rotations(step.rotations, slots, where)
        case DropLevel():
            if not 0 <= step.level <= top:
                raise MalformedError(f"{where} drops to level {step.level}, not 0 to {top}")
        case Multiply() | Add() | AddPlain() | Rescale():
            pass
        case _:
            raise MalformedError(f"{where} is of an unknown kind")


def _check_split(step: LinearTransform, slots: int, where: str) -> None:
    """Giant and baby steps make each diagonal exactly once."""
    if not step.diagonals or not all(0 <= d < slots for d in step.diagonals):
        raise MalformedError(f"the diagonals of {where} are none, or not within the slots")
    made: list[int] = []
    for giant, babies in step.giant_steps.items():
        _check_rotations((giant, *babies), slots, where)
        if not babies or any(a >= b for a, b in pairwise(babies)):
            raise MalformedError(f"baby steps of {where} are none, or not ascending")
        made.extend((giant + baby) % slots for baby in babies)
    if sorted(made) != sorted(step.diagonals):
        raise MalformedError(f"giant and baby steps of {where} do not make its diagonals once each")


def _check_rotations(rotations: Iterable[int], slots: int, where: str) -> None:
    if not all(-slots < k < slots for k in rotations):
        raise MalformedError(f"{where} rotates by the number of slots, {slots}, or more")


def _check_scale(scale: float, where: str) -> None:
    if not (math.isfinite(scale) and scale > 0.0):
        raise MalformedError(f"the scale of {where} is not a positive finite number")


def _check_text(text: str, most: int, what: str) -> None:
    if len(text) > most or not text.isprintable():
        raise MalformedError(f"{what} is not a text of up to {most} printable characters")
