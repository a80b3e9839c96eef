"""Steps of a program handed to the evaluator, with their constants encoded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight import _native
from safelight.circuit.checks import RegisterState
from safelight.circuit.diagonal_form import DiagonalForm
from safelight.circuit.giant_chains import giant_chains
from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    MultiplyPlain,
    Rescale,
    RotateAndSum,
    Step,
)
from safelight.ckks.parameters import Parameters
from safelight.engine.native_encoding import encode_coefficients
from safelight.errors import ProgramError


def append_step(
    handle: _native.Program,
    parameters: Parameters,
    step: Step,
    numbers: dict[int, int],
    states: dict[int, RegisterState],
    forms: dict[int, DiagonalForm],
) -> None:
    """Adds a step, its constants encoded at the level and scale that it needs.

    Args:
        handle: The program being made.
        parameters: The program's.
        step: What to add.
        numbers: The evaluator's number of each register.
        states: Level and scale of each register.
        forms: How the diagonals of each linear transform are kept.

    Raises:
        ProgramError: A constant that cannot be encoded, or a linear transform whose steps do not
            cover its diagonals.
    """
    dst, level = numbers[step.dst], states[step.dst].level
    match step:
        case LinearTransform():
            _append_linear_transform(handle, parameters, step, numbers, level, forms[step.dst])
        case RotateAndSum():
            elements = [parameters.galois_element(rotation) for rotation in step.rotations]
            handle.add_rotate_and_sum(dst, numbers[step.src], elements)
        case Multiply():
            handle.add_multiply(dst, numbers[step.left], numbers[step.right])
        case MultiplyPlain():
            values = encode_coefficients(step.values, parameters.n, step.scale)
            handle.add_multiply_plain(dst, numbers[step.src], level, values)
        case Add():
            handle.add_add(dst, numbers[step.left], numbers[step.right])
        case Rescale():
            handle.add_rescale(dst, numbers[step.src])
        case DropLevel():
            handle.add_drop_level(dst, numbers[step.src], step.level)
        case AddPlain():
            values = encode_coefficients(step.values, parameters.n, states[step.src].scale)
            handle.add_add_plain(dst, numbers[step.src], level, values)


def _append_linear_transform(
    handle: _native.Program,
    parameters: Parameters,
    step: LinearTransform,
    numbers: dict[int, int],
    level: int,
    form: DiagonalForm,
) -> None:
    slots = parameters.slots
    babies = sorted({baby for group in step.giant_steps.values() for baby in group})
    index = {baby: i for i, baby in enumerate(babies)}
    chains = giant_chains((g for g, group in step.giant_steps.items() if group), slots)
    groups = [(giant, step.giant_steps[giant]) for chain in chains for giant in chain.giants]
    missing = sum(
        (giant + baby) % slots not in step.diagonals for giant, group in groups for baby in group
    )
    if missing or sum(len(group) for _, group in groups) != len(step.diagonals):
        raise ProgramError(
            f"linear transform {step.label!r}: its steps do not cover its "
            f"{len(step.diagonals)} diagonals once each"
        )

    def diagonals(position: int) -> NDArray[np.float64]:
        giant, group = groups[position]
        rows = [np.roll(step.diagonals[(giant + baby) % slots], giant) for baby in group]
        return encode_coefficients(np.stack(rows), parameters.n, step.scale)

    handle.add_linear_transform(
        numbers[step.dst],
        numbers[step.src],
        level,
        [parameters.galois_element(baby) for baby in babies],
        [[parameters.galois_element(turn) for turn in chain.turns] for chain in chains],
        [[index[baby] for baby in group] for _, group in groups],
        form,
        diagonals,
    )
