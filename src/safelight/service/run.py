"""Starts a service process and tells, in one line on stdout, when and where it listens."""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Iterable

import uvicorn

from safelight.engine.base import Engine
from safelight.service.app import build_app
from safelight.service.engines import choose_engine
from safelight.service.head_timeout import HeadTimeoutProtocol
from safelight.service.limits import (
    KEEP_ALIVE_S,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    SHUTDOWN_GRACE_S,
)
from safelight.service.logs import Log, install_server_log
from safelight.service.parts import Parts
from safelight.service.served_model import ServedModel
from safelight.service.settings import Settings
from safelight.service.signing import load_signer
from safelight.service.stores import open_stores


def run_service(
    settings: Settings,
    *,
    models: Iterable[ServedModel] | None = None,
    engine: Engine | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT.

    Args:
        settings: What the operator decided.
        models: The models to serve; those of the registry by default.
        engine: What evaluates; chosen by ``settings.engine`` by default.
    """
    os.umask(0o077)  # whatever is written is for this user alone
    log = Log()
    install_server_log(log)
    engine = choose_engine(settings.engine) if engine is None else engine
    if models is None:
        from safelight.service.shipped_models import served_models

        models = served_models(settings.models)
    stores = open_stores(settings.data, settings.limits)
    signer = load_signer(settings.data)
    if settings.local_token is not None:
        stores.clients.set_local(settings.local_token)
    app = build_app(settings, models, engine, stores, signer, log=log)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=HeadTimeoutProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    parts: Parts = app.state.parts

    def announce(port: int) -> None:
        scheme = "http" if settings.tls_certificate is None else "https"
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready = {
            "event": "ready",
            "url": f"{scheme}://{host}:{port}",
            "service_key": signer.public_key.hex(),
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        log.write("started")

    _Server(config, on_ready=announce, on_stop=parts.evaluator.board.close).run()
    log.write("stopped")


class _Server(uvicorn.Server):
    """uvicorn's server, with a word when it listens and when it begins to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[int], None],
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready(self.servers[0].sockets[0].getsockname()[1])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()  # ends event streams, which uvicorn would wait for
        await super().shutdown(sockets)
