"""The application: routes, layers and parts, put together by one function."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from safelight.engine.base import Engine
from safelight.errors import UnknownModelError
from safelight.service.bearer_token import BearerToken
from safelight.service.envelope_key import EnvelopeKey
from safelight.service.evaluator import Evaluator
from safelight.service.gate import Gate
from safelight.service.handlers import about, audit, events, inferences, keysets, models
from safelight.service.janitor import janitor
from safelight.service.limits import SHUTDOWN_GRACE_S
from safelight.service.logs import Log
from safelight.service.metrics import Metrics
from safelight.service.model_levels import ModelLevels
from safelight.service.parts import Parts
from safelight.service.plain_models import PlainModels
from safelight.service.portal import Portal
from safelight.service.problems import problem_of
from safelight.service.rate_limit import RateLimit
from safelight.service.request_boundary import RequestBoundary
from safelight.service.sealed_inference import SealedInference
from safelight.service.served_model import Catalogue, ServedModel
from safelight.service.settings import Settings
from safelight.service.signing import Signer
from safelight.service.stores import Stores
from safelight.wire.levels import Level

ROUTES = (
    Route("/v1/health", about.health, methods=["GET"]),
    Route("/v1/metrics", about.metrics, methods=["GET"]),
    Route("/v1/openapi.json", about.openapi, methods=["GET"]),
    Route("/v1/service", about.service, methods=["GET"]),
    Route("/v1/audit", audit.describe, methods=["GET"]),
    Route("/v1/audit/checkpoint", audit.checkpoint, methods=["GET"]),
    Route("/v1/audit/consistency", audit.consistency, methods=["GET"]),
    Route("/v1/models", models.list_models, methods=["GET"]),
    Route("/v1/models/{name}", models.get_model, methods=["GET"]),
    Route("/v1/keysets", keysets.list_keysets, methods=["GET"]),
    Route("/v1/keysets", keysets.create_keyset, methods=["POST"]),
    Route("/v1/keysets/{id}", keysets.get_keyset, methods=["GET"]),
    Route("/v1/keysets/{id}", keysets.delete_keyset, methods=["DELETE"]),
    Route("/v1/keysets/{id}/keys/{element}", keysets.put_key, methods=["PUT"]),
    Route("/v1/inferences", inferences.submit, methods=["POST"]),
    Route("/v1/inferences/{id}", inferences.get_inference, methods=["GET"]),
    Route("/v1/inferences/{id}", inferences.delete_inference, methods=["DELETE"]),
    Route("/v1/inferences/{id}/events", events.events, methods=["GET"]),
    Route("/v1/inferences/{id}/result", inferences.get_result, methods=["GET"]),
)


def build_app(
    settings: Settings,
    models: Iterable[ServedModel],
    engine: Engine,
    stores: Stores,
    signer: Signer,
    *,
    log: Log | None = None,
    gate: Gate | None = None,
    plain_models: PlainModels | None = None,
    envelope_key: EnvelopeKey | None = None,
) -> Starlette:
    """The ASGI application; its parts are at ``app.state.parts``."""
    log, metrics = log or Log(), Metrics()
    catalogue = Catalogue(models)
    gate = gate or Gate(None, None, None)
    plain_models = plain_models or PlainModels()
    sealed = None
    if envelope_key is not None:
        sealed = SealedInference(plain_models, envelope_key, signer)
    able = _able(catalogue, plain_models)
    if unknown := settings.minimum_levels.keys() - able.keys():
        raise UnknownModelError(
            f"--minimum-level names a model that is not served: {sorted(unknown)[0]}"
        )
    levels = ModelLevels(able, settings.minimum_levels)
    evaluator = Evaluator(
        catalogue=catalogue,
        engine=engine,
        stores=stores,
        signer=signer,
        limits=settings.limits,
        log=log,
        metrics=metrics,
        gate=gate,
        levels=levels,
        sealed=sealed,
    )
    parts = Parts(
        settings=settings,
        catalogue=catalogue,
        stores=stores,
        evaluator=evaluator,
        signer=signer,
        log=log,
        metrics=metrics,
        rate_limit=RateLimit(settings.limits.requests_per_minute),
        gate=gate,
        levels=levels,
        plain_models=plain_models,
        envelope_key=envelope_key,
        sealed=sealed,
    )
    app = Starlette(
        routes=list(ROUTES),
        middleware=[
            Middleware(RequestBoundary, log=log, metrics=metrics),
            Middleware(Portal),
            Middleware(BearerToken, parts=parts),
        ],
        exception_handlers={HTTPException: _routing_problem},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.parts = parts
    return app


def _able(catalogue: Catalogue, plain_models: PlainModels) -> dict[str, frozenset[Level]]:
    """Model → levels at which something can run it."""
    able: dict[str, frozenset[Level]] = {
        model.name: frozenset({"homomorphic"}) for model in catalogue
    }
    for model in plain_models:
        able[model.name] = able.get(model.name, frozenset()) | {model.level}
    return able


async def _routing_problem(request: Request, exc: Exception) -> Response:
    return problem_of(exc).response()


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    parts: Parts = app.state.parts
    parts.evaluator.start()
    try:
        async with janitor(parts):
            yield
    finally:
        parts.evaluator.stop(SHUTDOWN_GRACE_S)
        parts.threads.shutdown()
        parts.gate.close()
        parts.plain_models.close()
        parts.stores.close()
