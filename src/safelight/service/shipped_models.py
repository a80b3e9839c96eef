"""The shipped models, compiled, as the service serves them."""

from __future__ import annotations

from collections.abc import Iterable

from safelight.models.registry import compiled_model, model_names
from safelight.service.served_model import ServedModel
from safelight.wire.program import encode_program, program_digest


def shipped_models(names: Iterable[str] | None = None) -> list[ServedModel]:
    """Compiles the named models, or all.

    Raises:
        UnknownModelError: No such model.
        CompileError: A model that does not compile.
    """
    served = []
    for name in model_names() if names is None else names:
        model, compiled = compiled_model(name)
        served.append(
            ServedModel(
                name=model.name,
                version=model.meaning.version,
                model_digest=model.digest.hex(),
                signature=compiled.signature.to_json(),
                program=compiled.program,
                program_digest=program_digest(encode_program(compiled.program)).hex(),
                requirements=compiled.requirements,
            )
        )
    return served
