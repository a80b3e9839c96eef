"""The index: SQLite, whose write transaction is also the archive's lock.

A writer holds the transaction while it stores or removes an object. If it is killed, SQLite rolls
back: an object without a row is invisible, and is overwritten or cleaned up later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from safelight.errors import ArchiveError

FILE_NAME = "index.sqlite"
SCHEMA_VERSION = 1
_WAIT_S = 30.0

_SCHEMA = """
CREATE TABLE objects (
    id BLOB PRIMARY KEY,             -- keyed digest of the content
    leaving INTEGER NOT NULL DEFAULT 0,
    sop BLOB NOT NULL UNIQUE,        -- keyed digests of UIDs
    series BLOB NOT NULL,
    study BLOB NOT NULL,
    record BLOB NOT NULL             -- nonce and AES-256-GCM
) STRICT, WITHOUT ROWID;
CREATE INDEX objects_by_study ON objects (study);
CREATE INDEX objects_by_series ON objects (series);
"""


class Row(NamedTuple):
    """One object, as stored."""

    id: bytes
    sop: bytes
    series: bytes
    study: bytes
    record: bytes


_COLUMNS = ", ".join(Row._fields)


class Index:
    """An open index.

    Args:
        folder: Of the archive.
        create: Whether to make the file.
        wait_s: How long to wait for another writer.
    """

    def __init__(self, folder: Path, *, create: bool = False, wait_s: float = _WAIT_S) -> None:
        path = folder / FILE_NAME
        mode = "rwc" if create else "rw"
        with _translated():
            try:
                self._connection = self._connect(path, mode, wait_s)
            except sqlite3.OperationalError:
                if create:
                    raise
                self._connection = self._connect(path, "ro", wait_s)
        if create:
            path.chmod(0o600)

    @staticmethod
    def _connect(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
        address = f"{path.resolve().as_uri()}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=wait_s, isolation_level=None)
        try:
            # a rollback journal and not WAL: it also works where the folder is read-only
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and mode == "rwc":
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
                )
            elif version != SCHEMA_VERSION:
                raise ArchiveError(
                    f"the index has format {version}, this release reads {SCHEMA_VERSION}"
                )
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The block's changes, all or none; no other writer meanwhile.

        Raises:
            ArchiveError: another process writes, the archive is read-only, or the disk is full.
        """
        with _translated():
            self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._roll_back()
            raise
        with _translated():
            try:
                self._connection.execute("COMMIT")
            except sqlite3.Error:
                self._roll_back()
                raise

    def add(self, row: Row) -> None:
        """Inside `writing`."""
        with _translated():
            self._connection.execute(
                f"INSERT INTO objects ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608
                row,
            )

    def get(self, object_id: bytes) -> Row | None:
        """The row of a present object."""
        return next(self._select("WHERE id = ? AND NOT leaving", object_id), None)

    def with_instance(self, sop: bytes) -> Row | None:
        """The row of an instance, by keyed digest of its UID."""
        return next(self._select("WHERE sop = ? AND NOT leaving", sop), None)

    def rows(self, *, study: bytes | None = None, series: bytes | None = None) -> Iterator[Row]:
        """Present objects, in order of their ids."""
        if series is not None:
            return self._select("WHERE series = ? AND NOT leaving ORDER BY id", series)
        if study is not None:
            return self._select("WHERE study = ? AND NOT leaving ORDER BY id", study)
        return self._select("WHERE NOT leaving ORDER BY id")

    def set_record(self, object_id: bytes, record: bytes) -> None:
        """Inside `writing`."""
        with _translated():
            self._connection.execute(
                "UPDATE objects SET record = ? WHERE id = ?", (record, object_id)
            )

    def set_leaving(self, object_id: bytes) -> None:
        """Hides an object whose bytes are about to be removed. Inside `writing`."""
        with _translated():
            self._connection.execute("UPDATE objects SET leaving = 1 WHERE id = ?", (object_id,))

    def leaving(self) -> list[bytes]:
        """Objects whose removal has begun."""
        with _translated():
            found = self._connection.execute("SELECT id FROM objects WHERE leaving").fetchall()
        return [bytes(row[0]) for row in found]

    def drop(self, object_id: bytes) -> None:
        """Inside `writing`."""
        with _translated():
            self._connection.execute("DELETE FROM objects WHERE id = ?", (object_id,))

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # SQLite has done it by itself if the disk is full
            self._connection.execute("ROLLBACK")

    def _select(self, where: str, *values: bytes) -> Iterator[Row]:
        with _translated():
            found = self._connection.execute(
                f"SELECT {_COLUMNS} FROM objects {where}",  # noqa: S608 - our own words
                values,
            ).fetchall()
        return (Row(*map(bytes, row)) for row in found)


@contextmanager
def _translated() -> Iterator[None]:
    """One clear error for what SQLite reports."""
    try:
        yield
    except sqlite3.Error as exc:
        text = str(exc)
        if "locked" in text:
            raise ArchiveError(
                "another process is writing to the archive", hint="try again when it has finished"
            ) from exc
        if "readonly" in text or "read-only" in text:
            raise ArchiveError(
                "the archive is read-only", hint="check the rights of its folder"
            ) from exc
        if "full" in text:
            raise ArchiveError(
                "the disk is full", hint="nothing was stored; make room and try again"
            ) from exc
        if "unable to open" in text:
            raise ArchiveError(
                "the archive's index cannot be opened",
                hint="check the folder, its rights, and that it is an archive",
            ) from exc
        raise ArchiveError(
            "the archive's index is damaged", hint="restore index.sqlite from a copy"
        ) from exc
