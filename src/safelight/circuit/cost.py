"""What steps cost on the native engine, from a few constants: for plans, not for promises.

A key switch at level l transforms and multiplies l + 1 digits under l + 2 primes; everything
else touches the l + 1 residues of two polynomials. The constants were fitted to one core with
AVX-512 IFMA (docs/results.md); on other machines ratios between steps hold better than times.
"""

from __future__ import annotations

from safelight.circuit.checks import RegisterState, register_states
from safelight.circuit.diagonal_form import COMPACT_ABOVE_BYTES, diagonal_forms, form_bytes
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

# nanoseconds for each coefficient of a digit under a prime
ROTATION_NS = 2.9
HOISTED_ROTATION_NS = 1.9
RELINEARIZATION_NS = 2.6
# nanoseconds for each coefficient of a residue of one polynomial
PLAIN_PRODUCT_NS = 0.35
PASS_NS = 0.3
RESCALE_NS = 2.0


def prepared_bytes(program: Program, compact_above: int = COMPACT_ABOVE_BYTES) -> int:
    """About what the native engine keeps of a program: its constants, encoded and transformed."""
    states = register_states(program)
    forms = diagonal_forms(program, compact_above)
    n = program.parameters.n
    total = 0.0
    for step in program.steps:
        if isinstance(step, LinearTransform):
            total += form_bytes(step, forms[step.dst], states, n)
        elif isinstance(step, MultiplyPlain | AddPlain):
            total += (states[step.dst].level + 1) * n * 8
    return int(total)


def constant_bytes(program: Program) -> int:
    """What the program's own constants take in memory, while it is prepared."""
    count = 0
    for step in program.steps:
        if isinstance(step, LinearTransform):
            count += len(step.diagonals)
        elif isinstance(step, MultiplyPlain | AddPlain):
            count += 1
    return 8 * program.parameters.slots * count


def predicted_us(program: Program, step: Step, states: dict[int, RegisterState]) -> float:
    """Microseconds that one step is expected to take on one thread."""
    n = program.parameters.n
    level = states[step.dst].level
    digits = (level + 1) * (level + 2) * n
    residues = 2 * (level + 1) * n
    match step:
        case LinearTransform():
            babies = {baby for group in step.giant_steps.values() for baby in group if baby}
            giants = [giant for giant in step.giant_steps if giant]
            nanoseconds = digits * (
                HOISTED_ROTATION_NS * len(babies) + ROTATION_NS * len(giants)
            ) + residues * PLAIN_PRODUCT_NS * len(step.diagonals)
        case RotateAndSum():
            nanoseconds = digits * ROTATION_NS * len(step.rotations)
        case Multiply():
            nanoseconds = digits * RELINEARIZATION_NS
        case Rescale():
            nanoseconds = residues * RESCALE_NS
        case MultiplyPlain():
            nanoseconds = residues * PLAIN_PRODUCT_NS
        case Add() | AddPlain() | DropLevel():
            nanoseconds = residues * PASS_NS
    return nanoseconds / 1000
