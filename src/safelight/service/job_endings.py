"""How a job's end is written down, also when the disk is full at that moment.

The client was told that its request is kept, so a computed result waits for room for a while. A
failure waits for as long as the service runs: until it is written no other job can be claimed.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Callable
from functools import partial

from safelight.errors import CancelledError
from safelight.service.full_disk import when_there_is_room
from safelight.service.job import Job
from safelight.service.jobs import JobStore
from safelight.service.logs import Log

_PAUSE_S = 1.0


class JobEndings:
    """Ends jobs.

    Args:
        jobs: Where they are.
        log: Says that the disk is full.
        stopping: Set when the service stops.
        patience_s: How long a result waits for room.
    """

    def __init__(
        self, jobs: JobStore, log: Log, stopping: threading.Event, patience_s: float
    ) -> None:
        self._jobs = jobs
        self._log = log
        self._stopping = stopping
        self._patience_s = patience_s

    def keep(
        self,
        job: Job,
        result: bytes,
        evaluate_ms: float,
        *,
        record: Callable[[], None],
        given_up: Callable[[], bool],
    ) -> None:
        """Stores a result.

        Args:
            job: Whose it is.
            result: The signed message.
            evaluate_ms: What it took.
            record: Writes the entry of the audit log, before anybody can fetch the result.
            given_up: Whether nobody waits for it any more.

        Raises:
            CancelledError: There was no room, and nobody waits for the result any more.
            OSError: There is still no room; or a `Refusal` or SQLite's error, with the same sense.
        """
        self._write(record, given_up, self._patience_s)
        digest = hashlib.sha256(result).hexdigest()
        self._write(
            partial(self._jobs.finish, job, result, digest, evaluate_ms),
            given_up,
            self._patience_s,
        )

    def fail(self, job: Job, code: str) -> None:
        """Ends a job without a result.

        Raises:
            CancelledError: There was no room until the service stopped; its next start queues
                the job again.
        """
        self._write(partial(self._jobs.fail, job, code), self._stopping.is_set, math.inf)

    def _write(
        self, write: Callable[[], None], given_up: Callable[[], bool], patience_s: float
    ) -> None:
        def pause() -> None:
            self._log.write("worker-error", detail="disk-full")
            self._stopping.wait(_PAUSE_S)
            if given_up():
                raise CancelledError("a job's end was not stored")

        when_there_is_room(write, pause, patience_s=patience_s)
