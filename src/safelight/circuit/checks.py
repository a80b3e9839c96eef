"""What follows from a program alone: level and scale of every register, and the keys it needs.

Every engine and the service rely on `register_states`; a program that it refuses never runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from safelight.circuit.giant_chains import turns_of
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
)
from safelight.ckks.ciphertext import KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.errors import ProgramError

SCALE_TOLERANCE = 1e-9  # relative: scales are products of doubles


@dataclass(frozen=True)
class RegisterState:
    """Level and scale of a register."""

    level: int
    scale: float


def register_states(program: Program) -> dict[int, RegisterState]:
    """State of every register, computed exactly as engines compute it.

    Raises:
        ProgramError: A register read before it is written or written twice, levels or scales
            that do not fit, a scale above the modulus, an output that is not at level 0.
    """
    parameters = program.parameters
    if not 0 <= program.input_level <= parameters.max_level:
        raise ProgramError(f"input level {program.input_level} is not a level of the parameters")
    states = {0: RegisterState(program.input_level, program.input_scale)}
    if not _scale_fits(parameters, states[0]):
        raise ProgramError("the input's scale is below one or above the modulus")
    for index, step in enumerate(program.steps):
        state = _after(program, index, step, states)
        if not _scale_fits(parameters, state):
            raise ProgramError(f"{_place(index, step)}: a scale below one or above the modulus")
        if step.dst in states:
            raise ProgramError(f"{_place(index, step)} writes register {step.dst} again")
        states[step.dst] = state
    if program.output not in states:
        raise ProgramError(f"the output register {program.output} is never written")
    if states[program.output].level != 0:
        raise ProgramError("the output is not at level 0")
    return states


def _scale_fits(parameters: Parameters, state: RegisterState) -> bool:
    # also false for what is not a number
    if not 1.0 < state.scale < math.inf:
        return False
    room = math.fsum(math.log2(q) for q in parameters.primes[: state.level + 1])
    return math.log2(state.scale) < room


def _place(index: int, step: Step) -> str:
    return f"step {index} ({type(step).__name__}, {step.label!r})"


def _after(
    program: Program, index: int, step: Step, states: dict[int, RegisterState]
) -> RegisterState:
    """State of the register that a step writes."""

    def read(register: int) -> RegisterState:
        if register not in states:
            raise ProgramError(
                f"{_place(index, step)} reads register {register} before it is written"
            )
        return states[register]

    if isinstance(step, Multiply | Add):
        left, right = read(step.left), read(step.right)
        if left.level != right.level:
            raise ProgramError(f"{_place(index, step)}: levels {left.level} and {right.level}")
        if isinstance(step, Multiply):
            return RegisterState(left.level, left.scale * right.scale)
        if not math.isclose(left.scale, right.scale, rel_tol=SCALE_TOLERANCE):
            raise ProgramError(f"{_place(index, step)}: the scales differ")
        return left
    state = read(step.src)
    match step:
        case LinearTransform() | MultiplyPlain():
            return RegisterState(state.level, state.scale * step.scale)
        case Rescale():
            if state.level == 0:
                raise ProgramError(f"{_place(index, step)}: no prime is left to divide out")
            divisor = float(program.parameters.primes[state.level])
            return RegisterState(state.level - 1, state.scale / divisor)
        case DropLevel():
            if not 0 <= step.level <= state.level:
                raise ProgramError(f"{_place(index, step)}: level {state.level} to {step.level}")
            return RegisterState(step.level, state.scale)
        case RotateAndSum() | AddPlain():
            return state
    raise ProgramError(f"{_place(index, step)} is unknown")


def rotations_of(step: Step, slots: int) -> set[int]:
    """The distinct rotations (not zero) that a step makes."""
    if isinstance(step, LinearTransform):
        babies = {baby for group in step.giant_steps.values() for baby in group if baby}
        return babies | turns_of(step.giant_steps, slots)
    if isinstance(step, RotateAndSum):
        return {k for k in step.rotations if k}
    return set()


def key_requirements(program: Program) -> KeyRequirements:
    """Exactly the evaluation keys that the program uses."""
    states = register_states(program)
    relinearization: int | None = None
    levels: dict[int, int] = {}
    for step in program.steps:
        level = states[step.dst].level
        if isinstance(step, Multiply):
            relinearization = max(level, relinearization or 0)
        for rotation in rotations_of(step, program.parameters.slots):
            element = program.parameters.galois_element(rotation)
            levels[element] = max(level, levels.get(element, 0))
    return KeyRequirements(relinearization, dict(sorted(levels.items())))
