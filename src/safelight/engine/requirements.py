"""Checks that every engine makes before it starts: keys and input fit the program."""

from __future__ import annotations

import math

from safelight.circuit.checks import SCALE_TOLERANCE, key_requirements
from safelight.circuit.program import Program
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys
from safelight.errors import MissingKeyError, ProgramError


def check_request(program: Program, keys: EvaluationKeys, ciphertext: Ciphertext) -> None:
    """Refuses a request that the program cannot run on.

    Raises:
        MissingKeyError: Evaluation keys are missing, or trimmed below the level of their use.
        ProgramError: Other parameters, another level or scale, more than two components.
    """
    parameters = program.parameters
    if keys.parameters != parameters or ciphertext.parameters != parameters:
        raise ProgramError("the keys or the input were made for other parameters than the program")
    needed = key_requirements(program)
    missing = [
        element
        for element, level in needed.galois_levels.items()
        if element not in keys.galois or keys.galois[element].level < level
    ]
    relinearization = needed.relinearization_level
    if relinearization is not None and (
        keys.relinearization is None or keys.relinearization.level < relinearization
    ):
        missing.insert(0, 0)
    if missing:
        names = ", ".join("relinearization" if e == 0 else str(e) for e in missing[:8])
        raise MissingKeyError(
            f"{len(missing)} evaluation keys are missing or of too low a level: {names}"
            + (" …" if len(missing) > 8 else ""),
            hint="upload the keys that the model's requirements list",
        )
    shape = (2, program.input_level + 1, parameters.n)
    if ciphertext.residues.shape != shape:
        raise ProgramError(
            f"the input has shape {list(ciphertext.residues.shape)}, the program takes "
            f"{list(shape)}"
        )
    if not math.isclose(ciphertext.scale, program.input_scale, rel_tol=SCALE_TOLERANCE):
        raise ProgramError("the input's scale is not the program's")
