"""Starts a service process and tells, in one line on stdout, when and where it listens."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable

import uvicorn

from safelight.engine.base import Engine
from safelight.errors import InputError
from safelight.service.app import build_app
from safelight.service.engines import choose_engine
from safelight.service.envelope_key import load_envelope_key
from safelight.service.gate import open_gate
from safelight.service.head_timeout import HeadTimeoutProtocol
from safelight.service.heap import give_memory_back
from safelight.service.licences import check_licences
from safelight.service.limits import (
    KEEP_ALIVE_S,
    MAX_CONNECTIONS,
    MAX_HEAD_BYTES,
    SHUTDOWN_GRACE_S,
)
from safelight.service.listener import listen
from safelight.service.logs import Log, install_server_log
from safelight.service.parts import Parts
from safelight.service.plain_models import open_plain_models
from safelight.service.served_model import ServedModel
from safelight.service.settings import Settings
from safelight.service.signing import load_signer
from safelight.service.stores import open_stores

_PARENT_LOOK_S = 1.0


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
    give_memory_back()
    os.umask(0o077)  # whatever is written is for this user alone
    check_licences(settings)
    log = Log()
    install_server_log(log)
    if engine is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        engine = choose_engine(settings.engine, threads=settings.threads or cores or 1)
    if settings.local_token is not None:
        threading.Thread(target=_stop_with_parent, args=(os.getppid(),), daemon=True).start()
    stores = open_stores(settings.data, settings.limits)
    if models is None:
        from safelight.service.shipped_models import served_models

        models = served_models(settings.models, settings.programs or settings.data / "programs")
    signer = load_signer(settings.data)
    if settings.local_token is not None:
        stores.clients.set_local(settings.local_token)
    with contextlib.ExitStack() as opened:
        opened.callback(stores.close)
        gate = open_gate(settings, stores.clients, log)
        opened.callback(gate.close)
        models = list(models)
        plain_models = open_plain_models(settings, models)
        opened.callback(plain_models.close)
        envelope_key = None
        if any(True for _ in plain_models):
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core dump would hold images
            envelope_key = load_envelope_key(settings.data, signer)
        app = build_app(
            settings, models, engine, stores, signer,
            log=log, gate=gate, plain_models=plain_models, envelope_key=envelope_key,
        )  # fmt: skip
        opened.pop_all()  # from here on the application closes them
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
    _check_certificate(config)
    listener = listen(settings.host, settings.port, config.backlog)

    def announce() -> None:
        port = listener.getsockname()[1]
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
        if not gate.has_rules:
            log.write("no-access-rules", detail="every client with a token may do everything")

    _Server(config, on_ready=announce, on_stop=parts.evaluator.board.close).run([listener])
    log.write("stopped")


def _stop_with_parent(parent: int) -> None:
    """Ends a command's own service when the command was killed and could not end it."""
    while os.getppid() == parent:
        time.sleep(_PARENT_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _check_certificate(config: uvicorn.Config) -> None:
    try:
        config.load()
    except OSError as exc:  # ssl.SSLError is one
        raise InputError(
            "the TLS certificate or its key cannot be used", hint="both are PEM files"
        ) from exc


class _Server(uvicorn.Server):
    """uvicorn's server, with a word when it listens and when it begins to stop."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_ready: Callable[[], None],
        on_stop: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()  # ends event streams, which uvicorn would wait for
        await super().shutdown(sockets)
