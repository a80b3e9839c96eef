"""A compiled program on disk: its form at hand, its constants read when they are needed.

A program's constants are many megabytes, needed once, when the engine prepares it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safelight.circuit.program import Program
from safelight.ckks.parameters import Parameters
from safelight.errors import CompileError, WireError
from safelight.wire.program import decode_program


@dataclass(frozen=True)
class StoredProgram:
    """What the service asks of a program, and where the rest is.

    Args:
        name: Name of the model.
        parameters: For which it was compiled.
        input_scale: Scale of the input.
        input_level: Level at which it arrives.
        fast_bytes: About what it takes in memory, prepared.
        compact_bytes: The same where its large transforms are kept compact.
        constant_bytes: What it takes itself while it is prepared.
        path: Its wire form.
        digest: SHA-256 of that, lower-case hex.
    """

    name: str
    parameters: Parameters
    input_scale: float
    input_level: int
    fast_bytes: int
    compact_bytes: int
    constant_bytes: int
    path: Path
    digest: str

    def prepared_bytes(self, compact_above: int) -> int:
        """About what it takes in memory, for an engine that keeps larger ones compact."""
        return self.compact_bytes if self.fast_bytes > compact_above else self.fast_bytes

    def load(self) -> Program:
        """The whole program.

        Raises:
            CompileError: The file is gone or is not the one that was compiled.
        """
        try:
            data = self.path.read_bytes()
        except OSError as exc:
            raise CompileError(f"the compiled program of {self.name!r} is gone") from exc
        if hashlib.sha256(data).hexdigest() != self.digest:
            raise CompileError(
                f"the compiled program of {self.name!r} is damaged",
                hint="restart the service: it compiles what is damaged again",
            )
        try:
            return decode_program(data)
        except WireError as exc:  # not the request's fault
            raise CompileError(f"the compiled program of {self.name!r}: {exc.message}") from exc
