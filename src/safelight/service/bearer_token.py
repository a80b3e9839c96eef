"""Who asks: the bearer token of every request outside the public routes."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from safelight.service.parts import Parts
from safelight.service.refusals import Refusal

# They tell nothing about a client; the metrics have their own check.
PUBLIC_PATHS = frozenset({"/v1/health", "/v1/openapi.json", "/v1/metrics"})

_BEARER = re.compile(r"[Bb]earer ([A-Za-z0-9._~+/=-]{16,200})")


def bearer_token(request: Request) -> str | None:
    """The token of the Authorization header, if it is one."""
    match = _BEARER.fullmatch(request.headers.get("authorization", ""))
    return None if match is None else match.group(1)


class BearerToken:
    """ASGI middleware that lets no request without a valid token reach a route of clients.

    Unknown paths need one too, so that nothing can be told from their absence.
    """

    def __init__(self, app: ASGIApp, *, parts: Parts) -> None:
        self._app = app
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Notes the client in the request's state, or refuses."""
        if scope["type"] == "http" and scope["path"] not in PUBLIC_PATHS:
            token = bearer_token(Request(scope))
            client_id = None
            if token is not None:
                client_id = await self._parts.in_thread(
                    self._parts.stores.clients.authenticate, token
                )
            if client_id is None:
                raise Refusal("unauthorized")
            scope.setdefault("state", {})["client_id"] = client_id
            self._parts.rate_limit.take(client_id)
        await self._app(scope, receive, send)
