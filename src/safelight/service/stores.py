"""What the service keeps, as the parts that it asks for; a cluster brings others.

**Contract** of every store: look-ups are by client and id, and what belongs to another client
is refused in the same words as what does not exist. A method that accepts something returns
only when it would survive the loss of power. Methods may be called from any thread.
"""

from __future__ import annotations

import fcntl
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from safelight.errors import SafelightError
from safelight.service.clients import DATABASE_NAME, ClientStore
from safelight.service.database import Database
from safelight.service.durable_files import make_private_folder
from safelight.service.jobs import JobStore
from safelight.service.keysets import KeysetStore
from safelight.service.limits import Limits


@dataclass(frozen=True)
class Stores:
    """The stores of one data folder.

    Args:
        clients: Clients and tokens.
        keysets: Evaluation keys.
        jobs: Inferences.
        incoming: Folder, on the same file system, for bodies that are still arriving.
        database: Where all rows are.
        lock: Held open: the folder is this process's.
    """

    clients: ClientStore
    keysets: KeysetStore
    jobs: JobStore
    incoming: Path
    database: Database
    lock: BinaryIO

    def close(self) -> None:
        """Closes the database and lets another process have the folder."""
        self.database.close()
        self.lock.close()


def open_stores(data: Path, limits: Limits) -> Stores:
    """The stores of a data folder, made where missing, with a crash's leftovers removed.

    Raises:
        SafelightError: Another process serves this folder, or it cannot be used.
    """
    lock: BinaryIO | None = None
    try:
        make_private_folder(data)
        lock = _lock(data)
        return _open(data, limits, lock)
    except (OSError, sqlite3.DatabaseError) as exc:
        if lock is not None:
            lock.close()
        raise SafelightError(
            f"the data folder cannot be used ({type(exc).__name__})",
            hint="is it a folder of this user, written by a service, on a disk with space?",
        ) from exc


def _open(data: Path, limits: Limits, lock: BinaryIO) -> Stores:
    incoming = make_private_folder(data / "incoming")
    for path in incoming.iterdir():
        path.unlink()
    folder = make_private_folder(data / "clients")
    database = Database(data / DATABASE_NAME)
    stores = Stores(
        clients=ClientStore(database),
        keysets=KeysetStore(database, folder, limits),
        jobs=JobStore(database, folder, limits),
        incoming=incoming,
        database=database,
        lock=lock,
    )
    stores.jobs.recover()
    stores.jobs.remove_unreferenced()
    stores.keysets.remove_unreferenced()
    return stores


def _lock(data: Path) -> BinaryIO:
    # a second process would queue again what the first one is running
    lock = (data / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise SafelightError(
            "another service process uses this data folder", hint="stop it, or choose another"
        ) from exc
    return lock
