"""Waiting for an inference: by its events, or by asking where they do not come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import httpx

from safelight.client import answers
from safelight.client.answers import JobState, read_answer
from safelight.client.event_stream import read_events
from safelight.client.exchange import Exchange, parse_document, raise_for_status
from safelight.errors import (
    CancelledError,
    MisbehavingServiceError,
    RequestRejectedError,
    ServiceFailedError,
    UnreachableError,
)

# A service that starts compiles its models first.
RESTART_S = 60.0

_POLL_FIRST_S = 0.05
_POLL_LONGEST_S = 2.0

# Called with 0 to 1; may raise CancelledError to stop the inference.
ProgressCallback = Callable[[float], None]


class Waiting:
    """Waits for the jobs of one service.

    Args:
        exchange: The service.
        ask: Asks it once how a job stands.
    """

    def __init__(self, exchange: Exchange, ask: Callable[[str], JobState]) -> None:
        self._exchange = exchange
        self._ask = ask
        self._events_work = True

    def wait(
        self,
        job_id: str,
        progress: ProgressCallback | None = None,
        timeout_s: float | None = None,
    ) -> JobState:
        """The job once it is done; see `safelight.client.transport.Transport.wait`.

        Raises:
            ServiceFailedError: It failed; the message has the code.
            CancelledError: It was cancelled, or ``progress`` raised so.
            UnreachableError: It did not end within ``timeout_s``, or nobody has answered for a
                minute.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        pause_s, heard = _POLL_FIRST_S, time.monotonic()
        while True:
            try:
                job = self._follow(job_id, progress, deadline) if self._events_work else None
                job = job or self._ask(job_id)
                heard = time.monotonic()
            except UnreachableError:
                # it keeps what it accepted, so a restart is worth waiting for
                if time.monotonic() > min(heard + RESTART_S, deadline or math.inf):
                    raise
                continue
            if job.status == "done":
                return job
            if job.status == "failed":
                raise _failed(job)
            if job.status == "cancelled":
                raise CancelledError("the inference was cancelled")
            if progress is not None:
                progress(job.progress)
            if deadline is not None and time.monotonic() > deadline:
                raise UnreachableError("the inference did not end in time", hint="wait for longer")
            time.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _POLL_LONGEST_S)

    def _follow(
        self, job_id: str, progress: ProgressCallback | None, deadline: float | None
    ) -> JobState | None:
        """Follows the events to the end; None if they broke off."""
        try:
            with self._exchange.stream("GET", f"/v1/inferences/{job_id}/events") as response:
                if response.status_code != 200:
                    raise_for_status(response.status_code, b"")
                for event in read_events(response.iter_raw()):
                    job = job_of(parse_document(event.data.encode()), job_id)
                    if job.status not in ("queued", "running"):
                        return job
                    if progress is not None:
                        progress(job.progress)
                    if deadline is not None and time.monotonic() > deadline:
                        return job
        except (httpx.TransportError, ServiceFailedError):
            return None  # a proxy, or a restart: asking will tell
        except RequestRejectedError as exc:
            if exc.status == 401:
                raise
            self._events_work = exc.status == 429
            return None
        return None


def job_of(document: object, job_id: str) -> JobState:
    """A job as the service tells of it, if it is the one that was asked for."""
    job = read_answer(document, answers.job_state)
    if job.id != job_id:
        raise MisbehavingServiceError("the service told of another inference")
    return job


def _failed(job: JobState) -> ServiceFailedError:
    hint = ""
    if job.code == "storage-full":
        hint = "its disk is full: tell its operator, then ask again"
    return ServiceFailedError(f"the service could not evaluate the request: {job.code}", hint=hint)
