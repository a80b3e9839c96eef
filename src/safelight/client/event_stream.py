"""Server-sent events, as far as a service of ours sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from safelight.errors import MisbehavingServiceError

# One event holds a job: half a kilobyte.
_MAX_EVENT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Event:
    """One event: its name and its data."""

    name: str
    data: str


def read_events(chunks: Iterable[bytes]) -> Iterator[Event]:
    """The events of a stream; comments are dropped.

    Raises:
        MisbehavingServiceError: An event without end, or not UTF-8.
    """
    buffer = b""
    for chunk in chunks:
        buffer += chunk.replace(b"\r\n", b"\n")
        *blocks, buffer = buffer.split(b"\n\n")
        if len(buffer) > _MAX_EVENT_BYTES:
            raise MisbehavingServiceError("the service sent an event without end")
        for block in blocks:
            if (event := _event(block)) is not None:
                yield event


def _event(block: bytes) -> Event | None:
    try:
        lines = block.decode("utf-8").split("\n")
    except UnicodeDecodeError as exc:
        raise MisbehavingServiceError("the service sent an event that is not text") from exc
    name, data = "message", []
    for line in lines:
        field, _, value = line.partition(":")
        if field == "event":
            name = value.removeprefix(" ")
        elif field == "data":
            data.append(value.removeprefix(" "))
    return Event(name, "\n".join(data)) if data else None
