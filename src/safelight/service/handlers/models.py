"""The models: what a client needs to make keys, to encrypt and to read the answer."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safelight.service.element_names import element_name
from safelight.service.keysets import needed_levels
from safelight.service.parts import parts_of
from safelight.service.served_model import ServedModel
from safelight.wire.keys import RELINEARIZATION


async def list_models(request: Request) -> Response:
    """Name, version and parameters of every model."""
    return JSONResponse({"models": [_summary(model) for model in parts_of(request).catalogue]})


async def get_model(request: Request) -> Response:
    """All that a client needs of one model."""
    model = parts_of(request).catalogue.model(request.path_params["name"])
    levels = needed_levels(model.requirements)
    relinearization = levels.pop(RELINEARIZATION, None)
    return JSONResponse(
        _summary(model)
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


def _summary(model: ServedModel) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "model_digest": model.model_digest,
        "program_digest": model.program_digest,
        "parameters_digest": model.parameters.digest.hex(),
        "protection_level": "homomorphic",
    }
