"""Watching a log from outside: each new checkpoint must continue the one kept elsewhere.

A log alone proves nothing against whoever holds its key and its disk: they can write another
one. They cannot make it continue a checkpoint that somebody else has kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from safelight.vault.audit.log_folder import replace_durably
from safelight.vault.audit.proof_documents import check_consistency
from safelight.vault.audit.reading import LogReader


class CheckpointSource(Protocol):
    """Where checkpoints come from.

    **Contract**: nothing that it gives is trusted.
    """

    def note(self) -> bytes:
        """The newest checkpoint."""

    def consistency(self, old: int, size: int) -> dict[str, Any]:
        """A proof document from ``old`` entries to a checkpoint of at least ``size``."""


class FolderSource:
    """The log in a folder of this machine."""

    def __init__(self, folder: Path, key: VerifierKey | None = None) -> None:
        self._folder, self._key = folder, key

    def note(self) -> bytes:
        """The newest checkpoint."""
        return LogReader(self._folder, self._key).note

    def consistency(self, old: int, size: int) -> dict[str, Any]:
        """A proof document."""
        return LogReader(self._folder, self._key).consistency(old)


@dataclass(frozen=True)
class Sighting:
    """One look at a log: what it was when it was last seen, and what it is."""

    before: Checkpoint | None
    now: Checkpoint


class Watch:
    """Follows one log.

    Args:
        source: Where its checkpoints come from.
        state: File that keeps the log's key and the last checkpoint; made at the first look.
        key: The log's key where it is known; else that of the first look is pinned.
    """

    def __init__(
        self, source: CheckpointSource, state: Path, key: Callable[[], VerifierKey]
    ) -> None:
        self._source = source
        self._state = state
        kept = self._read()
        self.key = key() if kept is None else kept[0]
        if kept is not None:
            try:
                self._kept: Checkpoint | None = open_checkpoint(kept[1], self.key)
            except AuditTamperedError as exc:
                raise InputError("the file of the watch is damaged") from exc
        else:
            self._kept = None

    def look(self) -> Sighting:
        """Fetches the newest checkpoint, checks that it continues the kept one, and keeps it.

        Raises:
            AuditTamperedError: It does not: the alarm. The kept checkpoint stays.
        """
        before = self._kept
        note = self._source.note()
        now = open_checkpoint(note, self.key)
        if before is not None and now != before:
            if now.size < before.size:
                raise AuditTamperedError(
                    f"the log was cut: it has {now.size} entries and had {before.size}",
                    hint="keep both checkpoints: they prove it",
                )
            if now.size == before.size:
                raise _forked(now.size)
            document = self._source.consistency(before.size, now.size)
            shown = check_consistency(document, self.key, before)
            if shown != now:
                self._check_later(now, shown)
                # a newer one than was asked for is as good: it is the newest
                note, now = str(document["checkpoint"]).encode(), shown
        if now != before:
            replace_durably(self._state, f"{self.key}\n".encode() + note)
            self._kept = now
        return Sighting(before, now)

    def _check_later(self, asked: Checkpoint, shown: Checkpoint) -> None:
        """Checks that a proof's checkpoint is of the same tree as the one that was asked about."""
        if shown.size < asked.size:
            raise AuditTamperedError("the proof is of an older checkpoint")
        if shown.size == asked.size:
            raise _forked(shown.size)
        if asked.size:
            document = self._source.consistency(asked.size, shown.size)
            check_consistency(document, self.key, asked)

    def _read(self) -> tuple[VerifierKey, bytes] | None:
        try:
            line, _, note = self._state.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        return VerifierKey.parse(line.decode("ascii", "replace")), note


def _forked(size: int) -> AuditTamperedError:
    return AuditTamperedError(
        f"the log was forked: two trees of {size} entries are signed",
        hint="keep both checkpoints: they prove it",
    )
