"""A full disk: what it looks like to whoever writes, and waiting until there is room."""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Callable

from safelight.service.refusals import Refusal

# no space, no quota, and a file longer than the operator's limit (RLIMIT_FSIZE) or the file system
# allows: none of them is the client's fault, and each goes away when the operator makes room
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_disk_full(exc: BaseException) -> bool:
    """Whether a write failed because there is no room for it."""
    if isinstance(exc, Refusal):  # of the audit log, by way of the gate
        return exc.code == "storage-full"
    if isinstance(exc, sqlite3.Error):
        # the primary code is the lower byte (sqlite.org/rescode.html)
        return getattr(exc, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return isinstance(exc, OSError) and exc.errno in _FULL


def when_there_is_room(
    write: Callable[[], None], pause: Callable[[], None], *, patience_s: float
) -> None:
    """Writes; while the disk is full pauses and tries again.

    Args:
        write: Leaves nothing behind when it fails.
        pause: Waits a little; raises what ends the waiting earlier.
        patience_s: After this long the failure is passed on.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            write()
        except (OSError, sqlite3.Error, Refusal) as exc:
            if not is_disk_full(exc) or time.monotonic() > deadline:
                raise
        else:
            return
        pause()
