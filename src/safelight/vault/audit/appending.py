"""The files that grow with the log, written together and taken back together.

**Contract**: after `write` the entries and their salts are on the disk; after an `OSError` every
file is as it was before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from safelight.vault.audit.log_folder import ENTRIES, HASHES, OFFSETS, SALTS

# Salts before entries: an entry that is there can be opened.
ORDER: Final = (SALTS, OFFSETS, HASHES, ENTRIES)
# The others follow from the entries and are made anew where a crash cut them.
_MUST_LAST: Final = (SALTS, ENTRIES)


class GrowingFiles:
    """Descriptors of the log's files.

    Args:
        folder: Of the log.
        sizes: Bytes that count in each file; what lies behind is cut off.
        sync: False leaves the disk to the system: a power failure may then lose entries.
    """

    def __init__(self, folder: Path, sizes: Mapping[str, int], *, sync: bool) -> None:
        self._sync = sync
        self._sizes = dict(sizes)
        self._descriptors: dict[str, int] = {}
        try:
            for name in ORDER:
                self._descriptors[name] = os.open(folder / name, os.O_WRONLY | os.O_CREAT, 0o600)
            self._cut()
        except BaseException:
            self.close()
            raise

    def write(self, parts: Mapping[str, bytes]) -> None:
        """Appends to every file, the part of each."""
        try:
            for name in ORDER:
                _write_at(self._descriptors[name], parts[name], self._sizes[name])
            if self._sync:
                for name in _MUST_LAST:
                    os.fdatasync(self._descriptors[name])
        except BaseException:
            with contextlib.suppress(OSError):
                self._cut()
            raise
        for name in ORDER:
            self._sizes[name] += len(parts[name])

    def sync(self) -> None:
        """Makes what follows from the entries durable too: before a checkpoint covers it."""
        if self._sync:
            for descriptor in self._descriptors.values():
                os.fdatasync(descriptor)

    def close(self) -> None:
        """Closes the files."""
        for descriptor in self._descriptors.values():
            os.close(descriptor)
        self._descriptors.clear()

    def _cut(self) -> None:
        for name, descriptor in self._descriptors.items():
            if os.fstat(descriptor).st_size > self._sizes[name]:
                os.ftruncate(descriptor, self._sizes[name])


def _write_at(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(descriptor, view, position)
        view, position = view[done:], position + done
