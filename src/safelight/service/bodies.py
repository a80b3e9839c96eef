"""Bodies as they arrive: counted, timed, hashed, and never longer than their one right length."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from safelight.service.full_disk import is_disk_full
from safelight.service.limits import (
    BODY_IDLE_TIMEOUT_S,
    MAX_JSON_BYTES,
    MIN_BODY_BYTES_PER_S,
)
from safelight.service.refusals import Refusal
from safelight.wire.content_digest import parse_content_digest

OCTETS = "application/octet-stream"


@dataclass(frozen=True)
class ReceivedBody:
    """A body on disk, synced, with the digest that was announced for it.

    Args:
        path: A temporary file; whoever takes it moves it away.
        sha256: Lower-case hex.
        size: Bytes.
    """

    path: Path
    sha256: str
    size: int


@asynccontextmanager
async def received_body(
    request: Request, folder: Path, *, max_bytes: int
) -> AsyncIterator[ReceivedBody]:
    """Writes a body to a temporary file, which is gone afterwards unless it was moved.

    Raises:
        Refusal: ``content-type``, ``digest-required``, ``too-large``, ``body-timeout``,
            ``digest-mismatch``, ``truncated`` or ``storage-full``.
    """
    if _content_type(request) != OCTETS:
        raise Refusal("content-type", members={"expected": OCTETS})
    announced = parse_content_digest(request.headers.get("content-digest", ""))
    if announced is None:
        raise Refusal("digest-required")
    path = folder / secrets.token_hex(16)
    hasher = hashlib.sha256()
    size = 0
    try:
        chunks = limited_chunks(request, max_bytes=max_bytes)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    hasher.update(chunk)
                    file.write(chunk)
                file.flush()
                await asyncio.to_thread(os.fsync, file.fileno())
        except OSError as exc:
            if not is_disk_full(exc):
                raise
            path.unlink(missing_ok=True)  # others may have the room at once
            async for _ in chunks:  # to its end, or its sender sees a broken connection instead
                pass
            raise Refusal("storage-full") from exc
        if hasher.digest() != announced:
            raise Refusal("digest-mismatch")
        yield ReceivedBody(path, hasher.hexdigest(), size)
    finally:
        path.unlink(missing_ok=True)


async def received_json(request: Request) -> bytes:
    """A small JSON body, whole but not yet parsed."""
    if _content_type(request) != "application/json":
        raise Refusal("content-type", members={"expected": "application/json"})
    return b"".join([part async for part in limited_chunks(request, max_bytes=MAX_JSON_BYTES)])


async def limited_chunks(request: Request, *, max_bytes: int) -> AsyncIterator[bytes]:
    """The chunks of a body, as long as it is neither too long nor too slow."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > max_bytes:
        raise Refusal("too-large", members={"limit": max_bytes})
    loop = asyncio.get_running_loop()
    deadline = loop.time() + BODY_IDLE_TIMEOUT_S + max_bytes / MIN_BODY_BYTES_PER_S
    stream = aiter(request.stream())
    size = 0
    while True:
        idle = min(BODY_IDLE_TIMEOUT_S, deadline - loop.time())
        try:
            async with asyncio.timeout(idle):
                chunk = await anext(stream)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise Refusal("body-timeout") from None
        size += len(chunk)
        if size > max_bytes:
            raise Refusal("too-large", members={"limit": max_bytes})
        if chunk:
            yield chunk


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()
