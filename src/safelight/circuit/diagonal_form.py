"""How an engine keeps the diagonals of a linear transform in memory: speed against size.

A diagonal, encoded and transformed, takes six bytes for each coefficient and prime. Its
coefficients alone take four bytes each, whatever the primes, and can be transformed when they are
used.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from safelight.circuit.checks import RegisterState, register_states
from safelight.circuit.program import LinearTransform, Program

# hoisted: baby steps meet the diagonals before they are divided by the special prime; divided:
# after, a row of each diagonal less; compact: the same, the diagonals as coefficients.
DiagonalForm = Literal["hoisted", "divided", "compact"]

# Bytes of a prepared residue: primes of at most 48 bits pack to 48, the special one to 52.
OPERAND_BYTES = 6.2
COEFFICIENT_BYTES = 4
# Diagonals for each rotation by a baby step above which the rotations are divided by the special
# prime at once: dividing one costs as much as the products of so many diagonals in one more row.
DIVIDE_EARLY = 10
# A program above this is kept compact unless one says otherwise: a service should hold several,
# beside its clients' keys. A compact transform takes about twice as long.
COMPACT_ABOVE_BYTES = 256 * 1024**2
_COMPACT_DIAGONALS = 64  # with fewer a transform is not what makes a program large
_COMPACT_MAGNITUDE = 2.0**31


def diagonal_forms(
    program: Program, compact_above: int = COMPACT_ABOVE_BYTES
) -> dict[int, DiagonalForm]:
    """The form of each linear transform, by the register that it writes.

    Args:
        program: The whole program.
        compact_above: Bytes of diagonals above which large transforms are kept compact.
    """
    states = register_states(program)
    transforms = [step for step in program.steps if isinstance(step, LinearTransform)]
    forms = {step.dst: _fast_form(step) for step in transforms}
    n = program.parameters.n
    sizes = (form_bytes(step, forms[step.dst], states, n) for step in transforms)
    if sum(sizes) > compact_above and min(program.parameters.primes) > _COMPACT_MAGNITUDE:
        forms |= {step.dst: "compact" for step in transforms if _may_be_compact(step)}
    return forms


def form_bytes(
    step: LinearTransform, form: DiagonalForm, states: dict[int, RegisterState], n: int
) -> float:
    """About the memory that the diagonals of a transform take."""
    if form == "compact":
        return len(step.diagonals) * n * COEFFICIENT_BYTES
    rows = states[step.dst].level + (2 if form == "hoisted" else 1)
    return len(step.diagonals) * rows * n * OPERAND_BYTES


def _fast_form(step: LinearTransform) -> DiagonalForm:
    babies = {baby for group in step.giant_steps.values() for baby in group if baby}
    return "divided" if len(step.diagonals) >= DIVIDE_EARLY * len(babies) else "hoisted"


def _may_be_compact(step: LinearTransform) -> bool:
    if len(step.diagonals) < _COMPACT_DIAGONALS:
        return False
    # a coefficient is a mean of slots times roots of unity, times the scale
    largest = max(float(np.abs(values).max()) for values in step.diagonals.values())
    return largest * step.scale < _COMPACT_MAGNITUDE
