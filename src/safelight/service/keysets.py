"""Key sets: the evaluation keys of one client and epoch, one stored key a Galois element.

A key is a file named by its digest in its client's folder, kept once however many of that
client's key sets hold it. Clients share no file, so that none can learn what another has.
"""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safelight.ckks.ciphertext import KeyRequirements
from safelight.service.database import Database
from safelight.service.durable_files import move_durably
from safelight.service.limits import Limits
from safelight.service.refusals import Refusal
from safelight.wire.keys import RELINEARIZATION, keyset_digest


@dataclass(frozen=True)
class StoredKey:
    """One key that was accepted."""

    element: int
    level: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Keyset:
    """A key set and the keys that are there so far, by element."""

    id: str
    client_id: str
    parameters_digest: str
    keys: Mapping[int, StoredKey]

    def digest(self, requirements: KeyRequirements) -> bytes:
        """Names the keys that a program uses, as its results are signed for them."""
        used = {
            element: bytes.fromhex(self.keys[element].sha256)
            for element in needed_levels(requirements)
        }
        return keyset_digest(bytes.fromhex(self.parameters_digest), used)

    def missing(self, requirements: KeyRequirements) -> dict[int, int]:
        """Element → level for each key that a program needs and that is not there or too low."""
        return {
            element: level
            for element, level in needed_levels(requirements).items()
            if element not in self.keys or self.keys[element].level < level
        }


def needed_levels(requirements: KeyRequirements) -> dict[int, int]:
    """Element → lowest sufficient level, the relinearisation key as element 0."""
    levels = dict(requirements.galois_levels)
    if requirements.relinearization_level is not None:
        levels[RELINEARIZATION] = requirements.relinearization_level
    return dict(sorted(levels.items()))


class KeysetStore:
    """Key sets in the database and their keys as files."""

    def __init__(self, database: Database, clients_folder: Path, limits: Limits) -> None:
        self._database = database
        self._folder = clients_folder
        self._limits = limits

    def create(self, client_id: str, parameters_digest: str) -> str:
        """Id of a new, empty key set."""
        keyset_id = secrets.token_hex(16)
        with self._database.transaction() as connection:
            count = connection.execute(
                "SELECT count(*) FROM keysets WHERE client_id = ?", (client_id,)
            ).fetchone()[0]
            if count >= self._limits.keysets:
                raise Refusal("quota-keysets", members={"limit": self._limits.keysets})
            connection.execute(
                "INSERT INTO keysets (id, client_id, parameters_digest, created_at)"
                " VALUES (?, ?, ?, ?)",
                (keyset_id, client_id, parameters_digest, time.time()),
            )
        return keyset_id

    def get(self, client_id: str, keyset_id: str) -> Keyset:
        """This client's key set of that id; another's is as unknown as none."""
        return _read(self._database.connection(), client_id, keyset_id)

    def put_key(self, client_id: str, keyset_id: str, key: StoredKey, incoming: Path) -> bool:
        """Makes a checked and synced key visible; True if it was not there.

        Raises:
            Refusal: ``key-conflict`` for another key of the same or a higher level, and
                ``quota-key-bytes``.
        """
        try:
            with self._database.transaction() as connection:
                present = _read(connection, client_id, keyset_id).keys.get(key.element)
                if present is not None and present.sha256 == key.sha256:
                    return False
                if present is not None and present.level >= key.level:
                    raise Refusal("key-conflict", members={"level": present.level})
                self._check_quota(connection, client_id, key)
                move_durably(incoming, self.path(client_id, key.sha256))
                connection.execute(
                    "INSERT OR REPLACE INTO keys (keyset_id, client_id, element, level, bytes,"
                    " sha256) VALUES (?, ?, ?, ?, ?, ?)",
                    (keyset_id, client_id, key.element, key.level, key.bytes, key.sha256),
                )
        except (OSError, sqlite3.Error):
            # the file may be there without its row; what fails here too goes at the next start
            with contextlib.suppress(OSError, sqlite3.Error):
                self._drop_files(client_id, [key.sha256])
            raise
        if present is not None:
            self._drop_files(client_id, [present.sha256])
        return True

    def _check_quota(self, connection: sqlite3.Connection, client_id: str, key: StoredKey) -> None:
        stored = connection.execute(
            "SELECT coalesce(sum(bytes), 0) FROM"
            " (SELECT DISTINCT sha256, bytes FROM keys WHERE client_id = ? AND sha256 <> ?)",
            (client_id, key.sha256),
        ).fetchone()[0]
        if stored + key.bytes > self._limits.key_bytes:
            raise Refusal(
                "quota-key-bytes", members={"limit": self._limits.key_bytes, "stored": stored}
            )

    def delete(self, client_id: str, keyset_id: str) -> None:
        """Forgets a key set and its keys; refused while a job needs it."""
        with self._database.transaction() as connection:
            keyset = _read(connection, client_id, keyset_id)
            busy = connection.execute(
                "SELECT count(*) FROM jobs WHERE client_id = ? AND keyset_id = ?"
                " AND status IN ('queued', 'running')",
                (client_id, keyset_id),
            ).fetchone()[0]
            if busy:
                raise Refusal("keyset-in-use", members={"inferences": busy})
            connection.execute("DELETE FROM keysets WHERE id = ?", (keyset_id,))
        self._drop_files(client_id, [key.sha256 for key in keyset.keys.values()])

    def of_client(self, client_id: str) -> list[str]:
        """Ids of a client's key sets."""
        rows = self._database.connection().execute(
            "SELECT id FROM keysets WHERE client_id = ? ORDER BY created_at", (client_id,)
        )
        return [row["id"] for row in rows]

    def path(self, client_id: str, sha256: str) -> Path:
        """Where a client's key with this digest lies."""
        return self._folder / client_id / "keys" / sha256

    def remove_unreferenced(self) -> int:
        """Removes key files that no row names, left by a crash; how many there were."""
        count = 0
        for path in self._folder.glob("*/keys/*"):
            count += self._drop_files(path.parent.parent.name, [path.name])
        return count

    def stored_bytes(self) -> int:
        """Bytes of keys that all clients store together, for the metrics."""
        row = self._database.connection().execute("SELECT coalesce(sum(bytes), 0) FROM keys")
        return int(row.fetchone()[0])

    def _drop_files(self, client_id: str, digests: list[str]) -> int:
        count = 0
        for sha256 in digests:
            # inside a write transaction nobody can add a row for a file that is being removed
            with self._database.transaction() as connection:
                used = connection.execute(
                    "SELECT 1 FROM keys WHERE client_id = ? AND sha256 = ? LIMIT 1",
                    (client_id, sha256),
                ).fetchone()
                if used is None:
                    self.path(client_id, sha256).unlink(missing_ok=True)
                    count += 1
        return count


def _read(connection: sqlite3.Connection, client_id: str, keyset_id: str) -> Keyset:
    row = connection.execute(
        "SELECT parameters_digest FROM keysets WHERE client_id = ? AND id = ?",
        (client_id, keyset_id),
    ).fetchone()
    if row is None:
        raise Refusal("unknown-keyset")
    keys = connection.execute(
        "SELECT element, level, bytes, sha256 FROM keys WHERE keyset_id = ? ORDER BY element",
        (keyset_id,),
    )
    stored = {key["element"]: StoredKey(**dict(key)) for key in keys}
    return Keyset(keyset_id, client_id, row["parameters_digest"], stored)
