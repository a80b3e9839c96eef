"""How handlers ask the gate."""

from __future__ import annotations

from starlette.requests import Request

from safelight.service.claims import Claims, claims_of
from safelight.service.gate import Asked
from safelight.service.parts import client_of, parts_of
from safelight.vault.access.requests import Action, ModelResource, Resource, ServiceResource
from safelight.wire.levels import Level


async def permit(
    request: Request,
    action: Action,
    *,
    model: str | None = None,
    level: Level = "homomorphic",
    job_id: str | None = None,
) -> Claims:
    """Returns the client's claims if the rules allow what it asks.

    Args:
        request: Of the client.
        action: What it is.
        model: On which model; on the service as a whole if None.
        level: At which level of protection.
        job_id: About which inference.

    Raises:
        Refusal: ``access-denied``, ``audit-unavailable``, or ``bad-request`` for claims that are
            none.
    """
    parts = parts_of(request)
    claims = claims_of(request)
    if parts.gate.has_rules:
        resource: Resource = ServiceResource()
        if model is not None:
            resource = ModelResource(model, parts.levels.minimum(model))
        await parts.in_thread(
            parts.gate.decide,
            Asked(
                client_id=client_of(request),
                action=action,
                resource=resource,
                level=level,
                claims=claims,
                request_id=request_id_of(request),
                job_id=job_id,
            ),
        )
    return claims


def request_id_of(request: Request) -> str | None:
    """The id that the log and the answer carry."""
    request_id: str | None = getattr(request.state, "request_id", None)
    return request_id
