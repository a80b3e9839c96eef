"""What is done now and then: expired results go, and all that revoked clients left."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from safelight.service.parts import Parts
from safelight.service.refusals import Refusal
from safelight.service.stores import Stores

INTERVAL_S = 60.0


@asynccontextmanager
async def janitor(parts: Parts) -> AsyncIterator[None]:
    """Tidies up every minute for as long as the context lasts."""
    task = asyncio.create_task(_rounds(parts), name="janitor")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _rounds(parts: Parts) -> None:
    while True:
        try:
            count = await parts.in_thread(
                tidy, parts.stores, time.time() - parts.settings.limits.retention_s
            )
            if count:
                parts.log.write("expired", count=count)
        except Exception as exc:  # noqa: BLE001 - a full disk today is no reason to stop
            parts.log.write("janitor-error", detail=type(exc).__name__)
        await asyncio.sleep(INTERVAL_S)


def tidy(stores: Stores, finished_before: float) -> int:
    """Forgets jobs that ended before a moment, and revoked clients' data; how many jobs."""
    count = stores.jobs.expire(finished_before)
    for client in stores.clients.all():
        if not client.active:
            for job_id in stores.jobs.of_client(client.id):
                # twice: an open job is cancelled first, then forgotten
                for _ in range(2):
                    with contextlib.suppress(Refusal):
                        stores.jobs.cancel_or_delete(client.id, job_id)
                count += 1
            for keyset_id in stores.keysets.of_client(client.id):
                with contextlib.suppress(Refusal):
                    stores.keysets.delete(client.id, keyset_id)
    return count
