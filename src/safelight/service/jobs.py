"""The store of jobs: each is durable before its client is told that it was accepted.

A request is removed once it is no longer needed, a result when it is deleted or expires.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from pathlib import Path

from safelight.service.database import Database
from safelight.service.durable_files import move_durably, write_durably
from safelight.service.job import FINISHED, Job, NewJob
from safelight.service.limits import Limits
from safelight.service.refusals import Refusal


class JobStore:
    """Jobs in the database; their requests and results as files."""

    def __init__(self, database: Database, clients_folder: Path, limits: Limits) -> None:
        self._database = database
        self._folder = clients_folder
        self._limits = limits

    def submit(self, new: NewJob, incoming: Path) -> tuple[Job, bool]:
        """Accepts a synced request, or gives the job that this client already has for it.

        A job that failed or was cancelled makes way for the new one.

        Returns:
            The job, and whether it is new.

        Raises:
            Refusal: ``idempotency-conflict``, ``unknown-keyset`` or ``quota-jobs``.
        """
        job_id = secrets.token_hex(16)
        path = self.request_path(new.client_id, job_id)
        try:
            with self._database.transaction() as connection:
                known = _same_request(connection, new)
                if known is not None and known.status in ("queued", "running", "done"):
                    return known, False
                if new.level == "homomorphic":
                    _check_keyset(connection, new)
                if known is not None:
                    self._forget(connection, known)
                self._check_quota(connection, new.client_id)
                move_durably(incoming, path)
                connection.execute(
                    "INSERT INTO jobs (id, client_id, keyset_id, model, request_sha256,"
                    " request_bytes, idempotency_key, status, created_at, level, purpose, consent)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?)",
                    (
                        job_id,
                        new.client_id,
                        new.keyset_id,
                        new.model,
                        new.sha256,
                        new.bytes,
                        new.idempotency_key,
                        time.time(),
                        new.level,
                        new.claims.purpose,
                        new.claims.consent,
                    ),
                )
                return _read(connection, new.client_id, job_id), True
        except (OSError, sqlite3.Error):
            path.unlink(missing_ok=True)  # moved, but no row names it
            raise

    def _check_quota(self, connection: sqlite3.Connection, client_id: str) -> None:
        row = connection.execute(
            "SELECT count(*) AS stored, coalesce(sum(status IN ('queued', 'running')), 0) AS open"
            " FROM jobs WHERE client_id = ?",
            (client_id,),
        ).fetchone()
        if row["open"] >= self._limits.queued_jobs:
            raise Refusal(
                "quota-jobs", members={"limit": self._limits.queued_jobs}, retry_after_s=1
            )
        if row["stored"] >= self._limits.stored_jobs:
            raise Refusal(
                "quota-jobs", members={"limit": self._limits.stored_jobs}, retry_after_s=60
            )

    def get(self, client_id: str, job_id: str) -> Job:
        """This client's job of that id; another's is as unknown as none."""
        return _read(self._database.connection(), client_id, job_id)

    def cancel_or_delete(self, client_id: str, job_id: str) -> Job | None:
        """Cancels an open job and gives it; forgets a finished one and gives None."""
        with self._database.transaction() as connection:
            job = _read(connection, client_id, job_id)
            if job.status in FINISHED:
                self._forget(connection, job)
                return None
            connection.execute(
                "UPDATE jobs SET status = 'cancelled', finished_at = ? WHERE id = ?",
                (time.time(), job_id),
            )
            job = _read(connection, client_id, job_id)
        self.request_path(client_id, job_id).unlink(missing_ok=True)
        return job

    def claim(self) -> Job | None:
        """The next job, now running: of the clients that wait, the one served longest ago."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "SELECT id, client_id FROM jobs AS waiting WHERE status = 'queued' ORDER BY"
                " (SELECT max(started_at) FROM jobs WHERE client_id = waiting.client_id)"
                " NULLS FIRST, created_at LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            connection.execute(
                "UPDATE jobs SET status = 'running', attempts = attempts + 1, started_at = ?"
                " WHERE id = ?",
                (time.time(), row["id"]),
            )
            return _read(connection, row["client_id"], row["id"])

    def finish(self, job: Job, result: bytes, sha256: str, evaluate_ms: float) -> None:
        """Keeps the result of a running job; one that was cancelled meanwhile stays so."""
        path = self.result_path(job.client_id, job.id)
        path.unlink(missing_ok=True)  # of an attempt that ended between file and row
        write_durably(path, result)
        try:
            with self._database.transaction() as connection:
                done = connection.execute(
                    "UPDATE jobs SET status = 'done', finished_at = ?, evaluate_ms = ?,"
                    " result_sha256 = ? WHERE id = ? AND status = 'running'",
                    (time.time(), evaluate_ms, sha256, job.id),
                )
        except sqlite3.Error:
            path.unlink(missing_ok=True)
            raise
        if done.rowcount == 0:
            path.unlink(missing_ok=True)
        self.request_path(job.client_id, job.id).unlink(missing_ok=True)

    def fail(self, job: Job, code: str) -> None:
        """Ends a running job without a result."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'failed', code = ?, finished_at = ?"
                " WHERE id = ? AND status = 'running'",
                (code, time.time(), job.id),
            )
        self.request_path(job.client_id, job.id).unlink(missing_ok=True)

    def recover(self) -> int:
        """Queues what a stopped process left running; gives up what stopped it too often."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'failed', code = 'gave-up', finished_at = ?"
                " WHERE status = 'running' AND attempts >= ?",
                (time.time(), self._limits.job_attempts),
            )
            connection.execute("UPDATE jobs SET status = 'queued' WHERE status = 'running'")
            queued = connection.execute("SELECT count(*) FROM jobs WHERE status = 'queued'")
            return int(queued.fetchone()[0])

    def release(self, job: Job) -> None:
        """Queues a running job again that an orderly shutdown interrupted."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET status = 'queued', attempts = attempts - 1"
                " WHERE id = ? AND status = 'running'",
                (job.id,),
            )

    def expire(self, finished_before: float) -> int:
        """Forgets jobs that ended before a moment; how many."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "SELECT client_id, id FROM jobs WHERE finished_at < ?", (finished_before,)
            ).fetchall()
            for row in rows:
                self._forget(connection, _read(connection, row["client_id"], row["id"]))
        return len(rows)

    def of_client(self, client_id: str) -> list[str]:
        """Ids of a client's jobs."""
        rows = self._database.connection().execute(
            "SELECT id FROM jobs WHERE client_id = ?", (client_id,)
        )
        return [row["id"] for row in rows]

    def counts(self) -> dict[str, int]:
        """Jobs by status, for the metrics."""
        rows = self._database.connection().execute(
            "SELECT status, count(*) AS count FROM jobs GROUP BY status"
        )
        return {row["status"]: row["count"] for row in rows}

    def request_path(self, client_id: str, job_id: str) -> Path:
        """Where an open job's request lies."""
        return self._folder / client_id / "jobs" / f"{job_id}.request"

    def result_path(self, client_id: str, job_id: str) -> Path:
        """Where a finished job's result lies."""
        return self._folder / client_id / "jobs" / f"{job_id}.result"

    def remove_unreferenced(self) -> int:
        """Removes files that no row names, left by a crash; how many there were."""
        connection = self._database.connection()
        needed: set[Path] = set()
        for row in connection.execute("SELECT client_id, id, status FROM jobs"):
            if row["status"] in ("queued", "running"):
                needed.add(self.request_path(row["client_id"], row["id"]))
            elif row["status"] == "done":
                needed.add(self.result_path(row["client_id"], row["id"]))
        stray = [path for path in self._folder.glob("*/jobs/*") if path not in needed]
        for path in stray:
            path.unlink(missing_ok=True)
        return len(stray)

    def _forget(self, connection: sqlite3.Connection, job: Job) -> None:
        connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
        self.request_path(job.client_id, job.id).unlink(missing_ok=True)
        self.result_path(job.client_id, job.id).unlink(missing_ok=True)


def _same_request(connection: sqlite3.Connection, new: NewJob) -> Job | None:
    if new.idempotency_key is not None:
        row = connection.execute(
            "SELECT * FROM jobs WHERE client_id = ? AND idempotency_key = ?",
            (new.client_id, new.idempotency_key),
        ).fetchone()
        if row is not None:
            job = Job(**dict(row))
            same = (job.keyset_id, job.model, job.request_sha256)
            if same != (new.keyset_id, new.model, new.sha256):
                raise Refusal("idempotency-conflict")
            return job
    row = connection.execute(
        "SELECT * FROM jobs WHERE client_id = ? AND keyset_id = ? AND model = ?"
        " AND request_sha256 = ?",
        (new.client_id, new.keyset_id, new.model, new.sha256),
    ).fetchone()
    return None if row is None else Job(**dict(row))


def _check_keyset(connection: sqlite3.Connection, new: NewJob) -> None:
    # it may have been deleted since the request was checked
    row = connection.execute(
        "SELECT 1 FROM keysets WHERE client_id = ? AND id = ?", (new.client_id, new.keyset_id)
    ).fetchone()
    if row is None:
        raise Refusal("unknown-keyset")


def _read(connection: sqlite3.Connection, client_id: str, job_id: str) -> Job:
    row = connection.execute(
        "SELECT * FROM jobs WHERE client_id = ? AND id = ?", (client_id, job_id)
    ).fetchone()
    if row is None:
        raise Refusal("unknown-inference")
    return Job(**dict(row))
