"""The service itself: health, metrics, its API's description, its public key."""

from __future__ import annotations

import hmac
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from safelight.service.bearer_token import bearer_token
from safelight.service.openapi import OPENAPI_BYTES
from safelight.service.parts import Parts, parts_of
from safelight.service.permission import permit
from safelight.service.refusals import Refusal
from safelight.service.version import VERSION
from safelight.wire.levels import LEVELS, Level


async def health(request: Request) -> Response:
    """Whether the process answers and its database can be read; public."""
    parts = parts_of(request)
    await parts.in_thread(parts.stores.jobs.counts)
    return JSONResponse({"status": "ok"})


async def metrics(request: Request) -> Response:
    """Figures for Prometheus: open on a loopback address, else with the metrics token only."""
    parts = parts_of(request)
    if not parts.settings.on_loopback:
        expected = parts.settings.metrics_token
        given = bearer_token(request)
        if (
            expected is None
            or given is None
            or not hmac.compare_digest(given.encode(), expected.encode())
        ):
            raise Refusal("unauthorized")
    jobs = await parts.in_thread(parts.stores.jobs.counts)
    key_bytes = await parts.in_thread(parts.stores.keysets.stored_bytes)
    text = parts.metrics.text({"jobs": jobs, "stored_key_bytes": {"": key_bytes}})
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


async def openapi(request: Request) -> Response:
    """The OpenAPI document; public."""
    return Response(OPENAPI_BYTES, media_type="application/json")


async def service(request: Request) -> Response:
    """The key that signs results, the version and the limits that hold for this client."""
    parts = parts_of(request)
    await permit(request, "describe")
    limits = asdict(parts.settings.limits)
    for name in ("workers", "memory_bytes", "job_attempts"):  # the operator's own affair
        del limits[name]
    return JSONResponse(
        {
            "version": VERSION,
            "public_key": parts.signer.public_key.hex(),
            "protection_level": "homomorphic",
            "levels": _levels(parts),
            "envelope_key": _envelope_key(parts),
            "limits": limits,
        }
    )


def _levels(parts: Parts) -> list[Level]:
    served = {level for name in parts.levels.names() for level in parts.levels.levels(name)}
    return [level for level in reversed(LEVELS) if level in served]


def _envelope_key(parts: Parts) -> dict[str, str] | None:
    key = parts.envelope_key
    if key is None:
        return None
    return {"public_key": key.public_bytes.hex(), "signature": key.signature.hex()}
