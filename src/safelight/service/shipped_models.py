"""The shipped models, compiled and described as the service serves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safelight.models.model_folder import model_names
from safelight.service.program_folder import ProgramFolder
from safelight.service.served_model import ServedModel


def served_models(names: Sequence[str] | None, programs: Path) -> list[ServedModel]:
    """The models of these names, or all that are shipped.

    Args:
        names: Names, or folders.
        programs: Folder of compiled models, filled with what it lacks.

    Raises:
        UnknownModelError: No model of a name.
        CompileError: A model's files are damaged.
    """
    return ProgramFolder(programs).served(model_names() if names is None else names)
