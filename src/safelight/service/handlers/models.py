"""The models: what a client needs to make keys, to encrypt and to read the answer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safelight.service.element_names import element_name
from safelight.service.keysets import needed_levels
from safelight.service.model_levels import ModelLevels
from safelight.service.parts import parts_of
from safelight.service.permission import permit
from safelight.service.plain_models import PlainModel
from safelight.service.served_model import ServedModel
from safelight.wire.keys import RELINEARIZATION


async def list_models(request: Request) -> Response:
    """Name, version, levels and parameters of every model."""
    await permit(request, "describe")
    parts = parts_of(request)
    both = [*parts.catalogue, *(m for m in parts.plain_models if not parts.catalogue.has(m.name))]
    return JSONResponse({"models": [_summary(model, parts.levels) for model in both]})


async def get_model(request: Request) -> Response:
    """All that a client needs of one model."""
    parts = parts_of(request)
    name = request.path_params["name"]
    await permit(request, "describe", model=name if parts.levels.knows(name) else None)
    plain = parts.plain_models.get(name)
    sealed = {} if plain is None else {plain.level: _plain(plain)}
    if plain is not None and not parts.catalogue.has(name):
        return JSONResponse(_summary(plain, parts.levels) | sealed)
    model = parts.catalogue.model(name)
    levels = needed_levels(model.requirements)
    relinearization = levels.pop(RELINEARIZATION, None)
    return JSONResponse(
        _summary(model, parts.levels)
        | sealed
        | {
            "signature": model.signature,
            "parameters": {
                "n": model.parameters.n,
                "primes": list(model.parameters.primes),  # below 2^50: exact in JSON
                "digest": model.parameters.digest.hex(),
            },
            "input": {"level": model.program.input_level, "scale": model.program.input_scale},
            "card": model.card,
            "key_requirements": {
                "relinearization_level": relinearization,
                "galois_levels": {
                    element_name(element): level for element, level in levels.items()
                },
            },
        }
    )


def _summary(model: ServedModel | PlainModel, levels: ModelLevels) -> dict[str, Any]:
    summary = {
        "name": model.name,
        "version": model.version,
        "model_digest": model.model_digest,
        "program_digest": model.program_digest,
        "protection_level": levels.levels(model.name)[0],
        "levels": levels.levels(model.name),
        "minimum_level": levels.minimum(model.name),
    }
    if isinstance(model, ServedModel):
        summary["parameters_digest"] = model.parameters.digest.hex()
    return summary


def _plain(model: PlainModel) -> dict[str, Any]:
    described = {"interface": model.interface.to_json(), "program_digest": model.program_digest}
    if model.transformation is not None:
        described["transformation"] = model.transformation.to_json()
    return described
