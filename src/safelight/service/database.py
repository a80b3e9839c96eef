"""The SQLite database: what was accepted, durable before it is confirmed."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safelight.errors import SafelightError

SCHEMA_VERSION = 2

# Every table that a client reaches carries client_id, and every look-up names it.
_SCHEMA = """
CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    token_sha256 BLOB UNIQUE,           -- NULL once revoked
    created_at REAL NOT NULL
) STRICT;
CREATE TABLE keysets (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id),
    parameters_digest TEXT NOT NULL,
    created_at REAL NOT NULL
) STRICT;
CREATE INDEX keysets_of_client ON keysets (client_id);
CREATE TABLE keys (
    keyset_id TEXT NOT NULL REFERENCES keysets (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL,
    element INTEGER NOT NULL,
    level INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (keyset_id, element)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_of_client ON keys (client_id, sha256);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES clients (id),
    keyset_id TEXT NOT NULL,
    model TEXT NOT NULL,
    request_sha256 TEXT NOT NULL,
    request_bytes INTEGER NOT NULL,
    idempotency_key TEXT,
    status TEXT NOT NULL,
    code TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    evaluate_ms REAL,
    result_sha256 TEXT,
    level TEXT NOT NULL DEFAULT 'homomorphic',
    purpose TEXT,
    consent TEXT,
    UNIQUE (client_id, keyset_id, model, request_sha256),
    UNIQUE (client_id, idempotency_key)
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, created_at);
CREATE INDEX jobs_by_finish ON jobs (finished_at);
"""


# From one version to the next; a folder is brought up to date when it is opened.
_MIGRATIONS = {
    1: (
        "ALTER TABLE jobs ADD COLUMN level TEXT NOT NULL DEFAULT 'homomorphic'",
        "ALTER TABLE jobs ADD COLUMN purpose TEXT",
        "ALTER TABLE jobs ADD COLUMN consent TEXT",
    ),
}


class Database:
    """One SQLite file, with one connection for each thread that uses it.

    Args:
        path: The file; made where missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        try:
            self._check_schema()
        except BaseException:
            self.close()
            raise
        path.chmod(0o600)

    def _check_schema(self) -> None:
        with self.transaction() as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                return
            while version in _MIGRATIONS:
                for statement in _MIGRATIONS[version]:
                    connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")
            if version != SCHEMA_VERSION:
                raise SafelightError(
                    f"the data folder has format {version}, this release reads {SCHEMA_VERSION}",
                    hint="use the release that wrote it, or an empty folder",
                )

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, for reading."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path, timeout=30.0, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL: a commit is on the disk when it returns, so that 201 and 202 can be believed
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # what is deleted is overwritten
            connection.execute("PRAGMA secure_delete = ON")
            self._local.connection = connection
            with self._lock:
                self._connections.append(connection)
        return connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A write transaction: all of it or nothing; one writer at a time."""
        connection = self.connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # a full disk ends a transaction by itself, or leaves it open after a failed COMMIT
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Closes every thread's connection; no thread may use it any more."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections.clear()
