"""What the service keeps in memory between jobs: prepared programs and evaluation keys.

One limit holds for all of it. The least recently used goes first, but nothing that a running job
uses: room is made before something is loaded, so the memory of the process stays under the limit
plus what one job needs.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

Name = tuple[str, ...]


class ResidentCache:
    """Values by name, up to a total size; safe to use from any thread.

    Args:
        max_bytes: Size of what is kept. A job that needs more gets it, alone.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one load at a time: their temporaries add up
        self._entries: OrderedDict[Name, tuple[Any, int]] = OrderedDict()
        self._used: Counter[Name] = Counter()
        self.bytes = 0

    def lease(self) -> Lease:
        """Access for the time of one job."""
        return Lease(self)

    @property
    def room(self) -> int:
        """Bytes that fit without driving anything out."""
        with self._lock:
            return max(0, self._max_bytes - self.bytes)

    def __contains__(self, name: Name) -> bool:
        with self._lock:
            return name in self._entries

    def _use(self, name: Name, load: Callable[[], Any], expected_bytes: int) -> Any:
        """The value of this name, in use from now on, loaded where it is missing."""
        found = self._recall(name)
        if found is not None:
            return found[0]
        with self._loading:
            found = self._recall(name)  # another job may have loaded it meanwhile
            if found is not None:
                return found[0]
            self._make_room(expected_bytes)
            value = load()
            size = int(getattr(value, "nbytes", expected_bytes))
            with self._lock:
                self._entries[name] = (value, size)
                self._used[name] += 1
                self.bytes += size
            return value

    def _recall(self, name: Name) -> tuple[Any, int] | None:
        with self._lock:
            if name not in self._entries:
                return None
            self._entries.move_to_end(name)
            self._used[name] += 1
            return self._entries[name]

    def _make_room(self, size: int) -> None:
        dropped = []  # freed outside the lock
        with self._lock:
            for name in list(self._entries):
                if self.bytes + size <= self._max_bytes:
                    break
                if not self._used[name]:
                    value, freed = self._entries.pop(name)
                    dropped.append(value)
                    self.bytes -= freed
        del dropped

    def _release(self, names: Counter[Name]) -> None:
        with self._lock:
            self._used.subtract(names)
            self._used += Counter()  # drops what is used no more


class Lease:
    """What one job uses; it stays in memory until the lease ends."""

    def __init__(self, cache: ResidentCache) -> None:
        self._cache = cache
        self._names: Counter[Name] = Counter()

    def get(self, name: Name, load: Callable[[], Any], expected_bytes: int) -> Any:
        """The value of this name, loaded where it is missing.

        Args:
            name: Its name.
            load: Makes it; its ``nbytes``, if it has them, are its size.
            expected_bytes: Size for which room is made before.
        """
        value = self._cache._use(name, load, expected_bytes)
        self._names[name] += 1
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cache._release(self._names)
        self._names.clear()
