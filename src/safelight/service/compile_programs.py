"""``python -m safelight.service.compile_programs FOLDER MODEL…``: fills a program folder.

A service runs it for models that are not compiled yet, in a process that ends with its memory.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from safelight.circuit.cost import constant_bytes, prepared_bytes
from safelight.errors import SafelightError
from safelight.models.registry import compile_model, load_model
from safelight.service.program_folder import ProgramFolder
from safelight.service.served_model import ServedModel
from safelight.wire.program import encode_program


def main(arguments: list[str]) -> int:
    """Compiles and writes; its exit code."""
    os.umask(0o077)
    folder = ProgramFolder(Path(arguments[0]))
    try:
        for name in arguments[1:]:
            _compile(folder, name)
    except SafelightError as exc:
        sys.stderr.write(f"error: {exc.message}\n")
        if exc.hint:
            sys.stderr.write(f"hint: {exc.hint}\n")
        return 1
    return 0


def _compile(folder: ProgramFolder, name: str) -> None:
    trained = load_model(name)
    compiled = compile_model(trained)
    program = compiled.program
    message = encode_program(program)
    model = ServedModel(
        name=trained.name,
        version=trained.meaning.version,
        model_digest=trained.digest.hex(),
        signature=compiled.signature.to_json(),
        program=program,
        program_digest=hashlib.sha256(message).hexdigest(),
        requirements=compiled.requirements,
    )
    sizes = {
        "fast_bytes": prepared_bytes(program, sys.maxsize),
        "compact_bytes": prepared_bytes(program, 0),
        "constant_bytes": constant_bytes(program),
    }
    folder.write(name, model, message, sizes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
