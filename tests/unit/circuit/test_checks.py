"""Levels, scales and keys of programs; what is refused never runs."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from safelight.circuit.checks import key_requirements, register_states, rotations_of
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

PARAMETERS = Parameters.from_bits(8192, [45, 40, 40, 45])
S = PARAMETERS.slots
ONES = np.ones(S)
SCALE = 2.0**35


def program(*steps: Step, output: int | None = None, level: int = 2) -> Program:
    last = max((step.dst for step in steps), default=0)
    return Program("test", PARAMETERS, SCALE, level, steps, last if output is None else output)


GOOD = program(
    LinearTransform(1, 0, {0: ONES, 5: ONES, 4: ONES}, {0: (0, 5), 4: (0,)}, 2.0**40, "dense"),
    Rescale(2, 1),
    Multiply(3, 2, 2),
    RotateAndSum(4, 3, (8, 16)),
    Rescale(5, 4),
    AddPlain(6, 5, ONES),
    MultiplyPlain(7, 6, ONES, 4.0),
    Add(8, 7, 7),
)


def test_levels_and_scales_follow_from_the_steps() -> None:
    states = register_states(GOOD)
    q = PARAMETERS.primes
    squared = (SCALE * 2.0**40 / q[2]) ** 2
    assert [states[register].level for register in range(9)] == [2, 2, 1, 1, 1, 0, 0, 0, 0]
    assert states[3].scale == squared
    assert math.isclose(states[8].scale, squared / q[1] * 4, rel_tol=1e-15)


def test_exactly_the_keys_that_are_used_at_their_highest_level() -> None:
    elements = [PARAMETERS.galois_element(step) for step in (4, 5, 8, 16)]
    expected = dict(zip(elements, (2, 2, 1, 1), strict=True))
    assert key_requirements(GOOD) == KeyRequirements(1, dict(sorted(expected.items())))
    assert rotations_of(GOOD.steps[0], S) == {4, 5}
    assert rotations_of(GOOD.steps[3], S) == {8, 16}
    assert rotations_of(GOOD.steps[2], S) == set()
    alone = program(DropLevel(1, 0, 0))
    assert key_requirements(alone) == KeyRequirements(None, {})


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (program(DropLevel(1, 0, 0), level=3), "input level 3"),
        (program(DropLevel(1, 0, 0), level=-1), "input level -1"),
        (program(), "the output is not at level 0"),
        (program(DropLevel(1, 0, 1)), "the output is not at level 0"),
        (program(DropLevel(1, 0, 0), output=7), "register 7 is never written"),
        (program(DropLevel(1, 9, 0)), r"step 0 \(DropLevel, ''\) reads register 9"),
        (program(Multiply(1, 0, 3)), "reads register 3"),
        (program(DropLevel(0, 0, 0)), "writes register 0 again"),
        (program(DropLevel(1, 0, 1), DropLevel(1, 0, 0)), "writes register 1 again"),
        (program(DropLevel(1, 0, 3)), "level 2 to 3"),
        (program(DropLevel(1, 0, -1)), "level 2 to -1"),
        (program(DropLevel(1, 0, 1), Multiply(2, 0, 1)), "levels 2 and 1"),
        (program(DropLevel(1, 0, 1), Add(2, 1, 0)), "levels 1 and 2"),
        (program(MultiplyPlain(1, 0, ONES, 2.0), Add(2, 0, 1)), "the scales differ"),
        (program(DropLevel(1, 0, 0), Rescale(2, 1)), "no prime is left"),
        (program(Rescale(1, 0)), "scale"),  # 2^35 over a prime of 40 bits: below one
        (program(MultiplyPlain(1, 0, ONES, 2.0**90)), "a scale below one or above the modulus"),
        (program(MultiplyPlain(1, 0, ONES, 2.0**60), DropLevel(2, 1, 0)), "scale"),
        (program(MultiplyPlain(1, 0, ONES, 0.0)), "scale"),
        (program(MultiplyPlain(1, 0, ONES, -4.0)), "scale"),
        (program(MultiplyPlain(1, 0, ONES, math.nan)), "scale"),
        (program(MultiplyPlain(1, 0, ONES, math.inf)), "scale"),
        (program(MultiplyPlain(1, 0, ONES, 1e308), MultiplyPlain(2, 1, ONES, 1e308)), "scale"),
    ],
)
def test_broken_programs_are_refused(broken: Program, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        register_states(broken)
    with pytest.raises(ProgramError, match=message):
        key_requirements(broken)


@pytest.mark.parametrize("scale", [0.0, -1.0, math.nan, math.inf, 1.0, 2.0**200])
def test_the_inputs_scale_is_checked_too(scale: float) -> None:
    with pytest.raises(ProgramError, match="scale"):
        register_states(replace(program(DropLevel(1, 0, 0)), input_scale=scale))


def test_equal_within_rounding_may_be_added() -> None:
    near = program(MultiplyPlain(1, 0, ONES, 1 + 1e-12), Add(2, 0, 1), DropLevel(3, 2, 0))
    assert register_states(near)[3].level == 0
