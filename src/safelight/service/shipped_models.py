"""The shipped models, compiled and described as the service serves them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from safelight.models.registry import compiled_model, model_names
from safelight.service.served_model import ServedModel
from safelight.wire.program import encode_program


def served_models(names: Sequence[str] | None) -> list[ServedModel]:
    """The models of these names, or all that are shipped.

    Raises:
        UnknownModelError: No model of a name.
        CompileError: A model's files are damaged.
    """
    return [_served(name) for name in (model_names() if names is None else names)]


def _served(name: str) -> ServedModel:
    trained, compiled = compiled_model(name)
    return ServedModel(
        name=trained.name,
        version=trained.meaning.version,
        model_digest=trained.digest.hex(),
        signature=compiled.signature.to_json(),
        program=compiled.program,
        program_digest=hashlib.sha256(encode_program(compiled.program)).hexdigest(),
        requirements=compiled.requirements,
        card=trained.card,
    )
