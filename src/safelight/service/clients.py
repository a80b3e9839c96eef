"""The clients of a service and their tokens, of which only the SHA-256 is kept.

A token has 256 random bits, so a fast hash is enough: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from safelight.errors import InputError
from safelight.service.database import Database
from safelight.service.durable_files import make_private_folder

TOKEN_PREFIX = "sl_"  # noqa: S105 - lets secret scanners recognise a leaked token
DATABASE_NAME = "service.sqlite3"
LOCAL_CLIENT = "local"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ClientRecord:
    """A client as the operator sees it: its name, and the opaque id that logs carry."""

    id: str
    name: str
    active: bool
    created_at: float


class ClientStore:
    """Clients in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def authenticate(self, token: str) -> str | None:
        """Id of the client with this token, or None."""
        row = (
            self._database.connection()
            .execute("SELECT id FROM clients WHERE token_sha256 = ?", (_token_hash(token),))
            .fetchone()
        )
        return None if row is None else str(row["id"])

    def name(self, client_id: str) -> str | None:
        """Name of an active client, or None."""
        row = (
            self._database.connection()
            .execute(
                "SELECT name FROM clients WHERE id = ? AND token_sha256 IS NOT NULL", (client_id,)
            )
            .fetchone()
        )
        return None if row is None else str(row["name"])

    def add(self, name: str) -> str:
        """A new client's token, which cannot be shown again."""
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        try:
            self._put(name, token, replace=False)
        except sqlite3.IntegrityError as exc:
            raise InputError(
                f"there is a client {name} already", hint="choose another name, or revoke it first"
            ) from exc
        return token

    def set_local(self, token: str) -> None:
        """Gives the client ``local`` this token and takes its last one away."""
        self._put(LOCAL_CLIENT, token, replace=True)

    def _put(self, name: str, token: str, *, replace: bool) -> None:
        if not _NAME.fullmatch(name):
            raise InputError("a client's name has 1 to 64 letters, digits, dots, dashes")
        with self._database.transaction() as connection:
            # a revoked client's name may be used again; its id, and so its data, may not
            known = connection.execute(
                "SELECT id, token_sha256 FROM clients WHERE name = ?", (name,)
            ).fetchone()
            if known is not None and replace:
                connection.execute(
                    "UPDATE clients SET token_sha256 = ? WHERE id = ?",
                    (_token_hash(token), known["id"]),
                )
                return
            connection.execute(
                "INSERT INTO clients (id, name, token_sha256, created_at) VALUES (?, ?, ?, ?)",
                (secrets.token_hex(8), name, _token_hash(token), time.time()),
            )

    def revoke(self, name: str) -> None:
        """Takes a client's token away; the service then deletes what it kept for it."""
        with self._database.transaction() as connection:
            done = connection.execute(
                "UPDATE clients SET token_sha256 = NULL, name = name || ' ' || id"
                " WHERE name = ? AND token_sha256 IS NOT NULL",
                (name,),
            )
            if done.rowcount == 0:
                raise InputError(f"there is no active client {name}", hint="list the clients")

    def all(self) -> list[ClientRecord]:
        """Every client, the revoked too."""
        rows = self._database.connection().execute("SELECT * FROM clients ORDER BY created_at")
        return [
            ClientRecord(
                id=row["id"],
                name=row["name"].split(" ")[0],
                active=row["token_sha256"] is not None,
                created_at=row["created_at"],
            )
            for row in rows
        ]


def _token_hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def add_client(data: Path, name: str) -> str:
    """Adds a client to a service's data folder, running or not, and gives its token once."""
    database = Database(make_private_folder(data) / DATABASE_NAME)
    try:
        return ClientStore(database).add(name)
    finally:
        database.close()


def list_clients(data: Path) -> list[ClientRecord]:
    """Every client of a service's data folder."""
    database = Database(make_private_folder(data) / DATABASE_NAME)
    try:
        return ClientStore(database).all()
    finally:
        database.close()


def revoke_client(data: Path, name: str) -> None:
    """Makes a client's token useless from its next request on."""
    database = Database(make_private_folder(data) / DATABASE_NAME)
    try:
        ClientStore(database).revoke(name)
    finally:
        database.close()
