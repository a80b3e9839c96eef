"""The program: what a service runs on ciphertexts, as a straight line of steps on registers.

A program is data. Every step names the register it writes and those it reads; registers are
written once. Level and scale of every register follow from the steps alone
(`safelight.circuit.checks.register_states`), so an engine never decides anything.

Slots are numbered 0 … S−1 and rotations are cyclic to the left, as SEAL's:
``rotate(v, k)[t] = v[(t + k) mod S]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from safelight.ckks.parameters import Parameters

Vector = NDArray[np.float64]

# How much the vectors of one program may occupy: `compile_graph` makes no larger program, the
# wire format carries none. A residual network of 20 layers at N = 32768 has some 3,000 diagonals
# of 131 kB; the widest network that `safelight train` tries has 800 MB of them.
MAX_CONSTANT_BYTES = 1 << 30


@dataclass(frozen=True)
class LinearTransform:
    """``dst = Σ_d diagonal_d ⊙ rotate(src, d)``: a matrix times a vector, by its diagonals.

    Evaluated as baby-step giant-step, d = g + b:
    ``dst = Σ_g rotate(Σ_b rotate(diagonal_{g+b}, −g) ⊙ rotate(src, b), g)``,
    the giant steps in the chains of `safelight.circuit.giant_chains`.

    **Cost**: one level's worth of scale; one hoisted rotation for each non-zero baby step, one
    rotation for each non-zero giant step, one plaintext product for each diagonal.

    Args:
        dst: Register written.
        src: Register read.
        diagonals: float64 ``[S]`` for each d in 0 … S−1.
        giant_steps: For each giant step its baby steps, ascending; together they are the
            diagonals, each once, modulo S.
        scale: Scale at which the diagonals are encoded.
        label: Name for people: the layer that this step comes from.
    """

    dst: int
    src: int
    diagonals: Mapping[int, Vector]
    giant_steps: Mapping[int, tuple[int, ...]]
    scale: float
    label: str = ""


@dataclass(frozen=True)
class RotateAndSum:
    """``v = src``, then ``v = v + rotate(v, k)`` for each k in order; ``dst = v``."""

    dst: int
    src: int
    rotations: tuple[int, ...]
    label: str = ""


@dataclass(frozen=True)
class Multiply:
    """``dst = left ⊙ right``, relinearised; a square where both are the same register.

    Both are at the same level. **Cost**: one relinearisation; the scales multiply.
    """

    dst: int
    left: int
    right: int
    label: str = ""


@dataclass(frozen=True)
class MultiplyPlain:
    """``dst = src ⊙ values`` with ``values`` (float64 ``[S]``) encoded at ``scale``."""

    dst: int
    src: int
    values: Vector
    scale: float
    label: str = ""


@dataclass(frozen=True)
class Add:
    """``dst = left + right``; level and scale are the same."""

    dst: int
    left: int
    right: int
    label: str = ""


@dataclass(frozen=True)
class AddPlain:
    """``dst = src + values`` with ``values`` (float64 ``[S]``) encoded at the scale of ``src``."""

    dst: int
    src: int
    values: Vector
    label: str = ""


@dataclass(frozen=True)
class Rescale:
    """Divides by the last prime: one level and its factor of scale less."""

    dst: int
    src: int
    label: str = ""


@dataclass(frozen=True)
class DropLevel:
    """Drops residues down to ``level`` (modulus switching): the scale stays."""

    dst: int
    src: int
    level: int
    label: str = ""


Step = (
    LinearTransform | RotateAndSum | Multiply | MultiplyPlain | Add | AddPlain | Rescale | DropLevel
)


@dataclass(frozen=True)
class Program:
    """What a service runs for one request.

    Args:
        name: Name of the model.
        parameters: For which it was compiled.
        input_scale: Scale of the one fresh input, which arrives at ``input_level`` in register 0.
        input_level: At most ``parameters.max_level``.
        steps: In order; each register is written before it is read.
        output: The register that is returned, at level 0.
    """

    name: str
    parameters: Parameters
    input_scale: float
    input_level: int
    steps: tuple[Step, ...]
    output: int


def outline(program: Program) -> Program:
    """The program without its constants, which may be many megabytes: enough for its keys."""
    nothing = np.empty(0)

    def bare(step: Step) -> Step:
        if isinstance(step, LinearTransform):
            return replace(step, diagonals={})
        if isinstance(step, MultiplyPlain | AddPlain):
            return replace(step, values=nothing)
        return step

    return replace(program, steps=tuple(map(bare, program.steps)))
