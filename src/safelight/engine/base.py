"""What an engine is: it runs programs on ciphertexts and knows no secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from safelight.circuit.program import Program
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys

# Called between steps with (steps done, steps in all); raises CancelledError to stop the run.
Progress = Callable[[int, int], None]


class PreparedProgram(Protocol):
    """A program with its constants encoded, shared by all requests.

    Its ``program`` may be an outline (`safelight.circuit.program.outline`).
    """

    program: Program


class Engine(Protocol):
    """Runs programs.

    **Contract**: `prepare` is called once a model, `run` once a request, from any thread. `run`
    raises `MissingKeyError` (naming the Galois elements) before any work if a key that the
    program needs is missing or trimmed too low, `ProgramError` if the input does not fit the
    program, and lets whatever ``progress`` raises pass through.
    """

    name: str

    def prepare(self, program: Program) -> PreparedProgram:
        """Encodes the constants of ``program``."""

    def run(
        self,
        prepared: PreparedProgram,
        keys: EvaluationKeys,
        ciphertext: Ciphertext,
        progress: Progress | None = None,
    ) -> Ciphertext:
        """Evaluates one request and gives its one output."""
