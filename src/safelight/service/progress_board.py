"""How far each running job is, and who waits to hear of it.

Worker threads write, event streams on the event loop read. Kept in memory only: after a restart
a job starts again.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

# Wake-ups of a job's streams are at least this far apart, save for the last.
_MIN_INTERVAL_S = 0.05


class ProgressBoard:
    """Steps done of each running job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._steps: dict[str, tuple[int, int]] = {}
        self._told: dict[str, float] = {}
        self._watchers: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self.closed = False

    def update(self, job_id: str, done: int, total: int) -> None:
        """Notes that ``done`` of ``total`` steps are done."""
        now = time.monotonic()
        with self._lock:
            self._steps[job_id] = (done, total)
            if now - self._told.get(job_id, -1.0) < _MIN_INTERVAL_S:
                return
            self._told[job_id] = now
            self._wake(job_id)

    def ended(self, job_id: str) -> None:
        """Notes that a job has changed its status for good, and forgets its steps."""
        with self._lock:
            self._steps.pop(job_id, None)
            self._told.pop(job_id, None)
            self._wake(job_id)

    def steps(self, job_id: str) -> tuple[int, int] | None:
        """Steps done and in all, or None before the first."""
        with self._lock:
            return self._steps.get(job_id)

    def close(self) -> None:
        """Ends every event stream: the service stops."""
        with self._lock:
            self.closed = True
            for job_id in list(self._watchers):
                self._wake(job_id)

    @contextmanager
    def watch(self, job_id: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever there is something new of a job."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._watchers.setdefault(job_id, []).append(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                self._watchers[job_id].remove(entry)
                if not self._watchers[job_id]:
                    del self._watchers[job_id]

    def _wake(self, job_id: str) -> None:
        for loop, event in self._watchers.get(job_id, []):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
