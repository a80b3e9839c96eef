"""How many requests a client may send a minute."""

from __future__ import annotations

import time
from collections.abc import Callable

from safelight.service.refusals import Refusal


class RateLimit:
    """A token bucket for each client: a minute's requests at once, then a steady stream.

    In memory, as a restart may forgive; used from the event loop's thread only.

    Args:
        per_minute: Requests a minute.
        clock: Seconds, monotonic.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_s = per_minute / 60.0
        self._clock = clock
        # known clients only, so that this grows with their number, not with attempts
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, client_id: str) -> None:
        """Counts one request.

        Raises:
            Refusal: ``rate-limited`` with the seconds until the next one is welcome.
        """
        now = self._clock()
        tokens, since = self._buckets.get(client_id, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - since) * self._per_s)
        if tokens < 1.0:
            self._buckets[client_id] = (tokens, now)
            raise Refusal("rate-limited", retry_after_s=(1.0 - tokens) / self._per_s)
        self._buckets[client_id] = (tokens - 1.0, now)
