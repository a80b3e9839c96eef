"""A job: one inference that was accepted.

queued ──claim──▶ running ──▶ done │ failed
   └──────cancel─────┴──▶ cancelled
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from safelight.service.claims import NO_CLAIMS, Claims
from safelight.vault.access.requests import Purpose
from safelight.wire.levels import Level

Status = Literal["queued", "running", "done", "failed", "cancelled"]
# In place of a key set's id, where a job needs no evaluation keys.
NO_KEYSET = ""
FINISHED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class NewJob:
    """A request that passed every check; ``sha256`` names its bytes."""

    client_id: str
    keyset_id: str
    model: str
    sha256: str
    bytes: int
    idempotency_key: str | None = None
    level: Level = "homomorphic"
    claims: Claims = NO_CLAIMS


@dataclass(frozen=True)
class Job:
    """An inference. Times are seconds since 1970."""

    id: str
    client_id: str
    keyset_id: str
    model: str
    request_sha256: str
    request_bytes: int
    idempotency_key: str | None
    status: Status
    code: str | None
    attempts: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    evaluate_ms: float | None
    result_sha256: str | None
    level: Level = "homomorphic"
    purpose: Purpose | None = None
    consent: str | None = None

    @property
    def claims(self) -> Claims:
        """What its client said when it submitted it."""
        return Claims(self.purpose, self.consent)

    @property
    def queued_ms(self) -> float | None:
        """How long it waited to be evaluated, since its last start."""
        return None if self.started_at is None else 1000 * (self.started_at - self.created_at)
