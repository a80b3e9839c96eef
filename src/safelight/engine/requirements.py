"""Checks that every engine makes before it starts: keys and input fit the program."""

from __future__ import annotations

import math

from safelight.circuit.checks import SCALE_TOLERANCE, key_requirements
from safelight.circuit.program import Program
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys, KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.errors import MissingKeyError, ProgramError


def check_request(program: Program, keys: EvaluationKeys, ciphertext: Ciphertext) -> None:
    """Refuses a request that the program cannot run on.

    Raises:
        MissingKeyError: Evaluation keys are missing, or trimmed below the level of their use.
        ProgramError: Other parameters, another level or scale, more than two components.
    """
    relinearization = keys.relinearization
    held = KeyRequirements(
        None if relinearization is None else relinearization.level,
        {element: key.level for element, key in keys.galois.items()},
    )
    check_keys(program.parameters, key_requirements(program), keys.parameters, held)
    check_input(program, ciphertext)


def check_keys(
    parameters: Parameters,
    needed: KeyRequirements,
    keys_parameters: Parameters,
    held: KeyRequirements,
) -> None:
    """Refuses keys of other parameters, or keys that lack what a program needs.

    Args:
        parameters: The program's.
        needed: What the program needs.
        keys_parameters: The keys'.
        held: Which keys there are, each with the highest level that it serves.

    Raises:
        MissingKeyError: Names the Galois elements.
        ProgramError: Other parameters.
    """
    if keys_parameters != parameters:
        raise ProgramError("the keys or the input were made for other parameters than the program")
    missing = [
        element
        for element, level in needed.galois_levels.items()
        if held.galois_levels.get(element, -1) < level
    ]
    if needed.relinearization_level is not None and (
        held.relinearization_level is None
        or held.relinearization_level < needed.relinearization_level
    ):
        missing.insert(0, 0)
    if missing:
        names = ", ".join("relinearization" if e == 0 else str(e) for e in missing[:8])
        raise MissingKeyError(
            f"{len(missing)} evaluation keys are missing or of too low a level: {names}"
            + (" …" if len(missing) > 8 else ""),
            hint="upload the keys that the model's requirements list",
        )


def check_input(program: Program, ciphertext: Ciphertext) -> None:
    """Refuses an input of other parameters, shape or scale than the program's."""
    parameters = program.parameters
    if ciphertext.parameters != parameters:
        raise ProgramError("the keys or the input were made for other parameters than the program")
    shape = (2, program.input_level + 1, parameters.n)
    if ciphertext.residues.shape != shape:
        raise ProgramError(
            f"the input has shape {list(ciphertext.residues.shape)}, the program takes "
            f"{list(shape)}"
        )
    if not math.isclose(ciphertext.scale, program.input_scale, rel_tol=SCALE_TOLERANCE):
        raise ProgramError("the input's scale is not the program's")
