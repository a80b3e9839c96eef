"""What the handlers of one application work with; tests replace what they like."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from starlette.requests import Request

from safelight.service.envelope_key import EnvelopeKey
from safelight.service.evaluator import Evaluator
from safelight.service.gate import Gate
from safelight.service.limits import MAX_PARSERS
from safelight.service.logs import Log
from safelight.service.metrics import Metrics
from safelight.service.model_levels import ModelLevels
from safelight.service.plain_models import PlainModels
from safelight.service.rate_limit import RateLimit
from safelight.service.sealed_inference import SealedInference
from safelight.service.served_model import Catalogue
from safelight.service.settings import Settings
from safelight.service.signing import Signer
from safelight.service.stores import Stores

_P = ParamSpec("_P")
_T = TypeVar("_T")

# SQLite has one writer at a time; more threads would only wait
_STORE_THREADS = 4


@dataclass(frozen=True)
class Parts:
    """The parts of one application."""

    settings: Settings
    catalogue: Catalogue
    stores: Stores
    evaluator: Evaluator
    signer: Signer
    log: Log
    metrics: Metrics
    rate_limit: RateLimit
    gate: Gate
    levels: ModelLevels
    plain_models: PlainModels
    envelope_key: EnvelopeKey | None
    sealed: SealedInference | None
    # fixed threads, as each has its own database connection
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(_STORE_THREADS, thread_name_prefix="store")
    )
    parsers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PARSERS))
    streams: Counter[str] = field(default_factory=Counter)

    async def in_thread(self, call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Runs what blocks (files, the database, parsing) outside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, lambda: call(*args, **kwargs))


def parts_of(request: Request) -> Parts:
    """The parts of the application that serves this request."""
    parts: Parts = request.app.state.parts
    return parts


def client_of(request: Request) -> str:
    """Id of the client, whom `safelight.service.bearer_token` has authenticated."""
    client_id: str = request.state.client_id
    return client_id
