"""Server-sent events of one inference: its job whenever it changes, until it has ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from safelight.service.handlers.inferences import job_json
from safelight.service.job import FINISHED
from safelight.service.limits import EVENT_KEEP_ALIVE_S, MAX_EVENT_STREAMS
from safelight.service.parts import Parts, client_of, parts_of
from safelight.service.permission import permit
from safelight.service.refusals import Refusal


async def events(request: Request) -> Response:
    """A stream of ``progress`` events and one last ``done``, ``failed`` or ``cancelled``."""
    parts, client_id = parts_of(request), client_of(request)
    job_id = request.path_params["id"]
    job = await parts.in_thread(parts.stores.jobs.get, client_id, job_id)
    await permit(request, "retrieve", model=job.model, level=job.level, job_id=job.id)
    if parts.streams[client_id] >= MAX_EVENT_STREAMS:
        raise Refusal("quota-streams", retry_after_s=1)
    return StreamingResponse(
        _stream(parts, client_id, job_id),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},  # nginx would hold the events back
    )


async def _stream(parts: Parts, client_id: str, job_id: str) -> AsyncIterator[str]:
    parts.streams[client_id] += 1
    try:
        with parts.evaluator.board.watch(job_id) as changed:
            last = ""
            while not parts.evaluator.board.closed:
                # cleared before the look, so that no change falls between
                changed.clear()
                try:
                    job = await parts.in_thread(parts.stores.jobs.get, client_id, job_id)
                except Refusal:  # deleted meanwhile
                    return
                data = json.dumps(job_json(parts, job))
                if job.status in FINISHED:
                    yield f"event: {job.status}\ndata: {data}\n\n"
                    return
                if data != last:
                    yield f"event: progress\ndata: {data}\n\n"
                    last = data
                try:
                    async with asyncio.timeout(EVENT_KEEP_ALIVE_S):
                        await changed.wait()
                except TimeoutError:
                    yield ": keep-alive\n\n"
    finally:
        parts.streams[client_id] -= 1
