"""The outermost layer of the application: what holds for every request.

1. Give it an id, which the log and the answer carry.
2. Turn whatever is raised below into a problem, and a refused upload into one that its sender
   can read: drop a little of the rest, then close the connection.
3. Log and count it, by route template and client id.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from safelight.service.limits import DRAIN_TIMEOUT_S, MAX_DRAIN_BYTES
from safelight.service.logs import Log
from safelight.service.metrics import Metrics
from safelight.service.problems import problem_of

# Not a status of HTTP: the peer left before there was an answer.
_CLIENT_LEFT = 499


class RequestBoundary:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, *, log: Log, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        started = time.monotonic()
        failure: str | None = None
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            exchange.status = exchange.status or _CLIENT_LEFT
        except Exception as exc:  # noqa: BLE001 - the boundary: nothing passes
            problem = problem_of(exc)
            if problem.code == "internal":
                failure = type(exc).__name__
            if exchange.status == 0:
                exchange.code = problem.code
                await exchange.drain()
                await problem.response()(scope, exchange.receive, exchange.send)
        self._note(scope, exchange, 1000 * (time.monotonic() - started), failure)

    def _note(self, scope: Scope, exchange: _Exchange, ms: float, failure: str | None) -> None:
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.add(
            "http_requests_total", route=route, method=method, status=str(exchange.status)
        )
        self._metrics.add("http_received_bytes_total", exchange.bytes_in)
        self._metrics.add("http_sent_bytes_total", exchange.bytes_out)
        self._log.write(
            "request",
            request_id=exchange.request_id,
            client_id=scope.get("state", {}).get("client_id"),
            method=method,
            route=route,
            status=exchange.status,
            code=exchange.code,
            ms=round(ms, 1),
            bytes_in=exchange.bytes_in,
            bytes_out=exchange.bytes_out,
            detail=failure,
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})


class _Exchange:
    """One request and its answer, observed."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.request_id = secrets.token_hex(8)
        self.status = 0
        self.code: str | None = None
        self.bytes_in = 0
        self.bytes_out = 0
        self._receive = receive
        self._send = send
        names = {name for name, value in scope["headers"] if value != b"0"}
        self._body_left = not names.isdisjoint({b"content-length", b"transfer-encoding"})

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self.bytes_in += len(message.get("body", b""))
            self._body_left = message.get("more_body", False)
        elif message["type"] == "http.disconnect":
            self._body_left = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-Id"] = self.request_id
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
            if self._body_left:
                headers["Connection"] = "close"
        elif message["type"] == "http.response.body":
            self.bytes_out += len(message.get("body", b""))
        await self._send(message)

    async def drain(self) -> None:
        limit = self.bytes_in + MAX_DRAIN_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                while self._body_left and self.bytes_in < limit:
                    await self.receive()
