"""Appending to the log: many writers of one process, one write to the disk for all that wait.

Whoever comes while a write is under way waits with others; the first of them then writes for all
(group commit). An entry is on the disk when `AuditLog.append` returns. A checkpoint over all
that is written is signed at most once in `CHECKPOINT_INTERVAL_S`, when it is asked for, and at
the end.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from safelight.errors import AuditError
from safelight.vault.audit.checkpoint import Checkpoint, VerifierKey, key_of
from safelight.vault.audit.entry import AuditEvent, SealedEntry, seal_entry
from safelight.vault.audit.log_folder import ENTRIES, HASHES, OFFSET, OFFSETS, SALTS, LogFolder
from safelight.vault.audit.merkle import Frontier, leaf_hash
from safelight.vault.audit.records import encode_record
from safelight.vault.audit.recovery import first_checkpoint, recover

CHECKPOINT_INTERVAL_S = 1.0
# Entries of one write: a bound on memory, far above what waits in practice.
_MAX_GROUP = 4096


class AuditLog:
    """A log that this process appends to; its methods may be called from any thread.

    Args:
        folder: Made with mode 0700 where missing.
        clock: Seconds since 1970. Where it runs backwards, entries keep the last time and say by
            how much the clock was behind.
        sync: False leaves writing to the disk to the system.

    Raises:
        AuditError: Another process appends, or the folder cannot be written.
        AuditTamperedError: The files are not what the last checkpoint says.
    """

    def __init__(
        self, folder: Path, *, clock: Callable[[], float] = time.time, sync: bool = True
    ) -> None:
        self._folder = LogFolder(folder)
        self._clock = clock
        self._queue = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._led = False
        # held by whoever writes files
        self._turn = threading.Lock()
        self._signed_at = time.monotonic()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _locked(folder / "lock")
            try:
                self._name, self._key = self._folder.signing_key()
                checkpoint = first_checkpoint(self._folder, self._name, self._key)
                state = recover(self._folder, checkpoint, sync=sync)
            except BaseException:
                self._lock.close()
                raise
        except OSError as exc:
            raise _refused(exc) from exc
        self._files = state.files
        self._frontier: Frontier = state.frontier
        self._end = state.end
        self._time_ms = state.last_time_ms
        self._signed_size = checkpoint.size
        self.torn_bytes = state.torn_bytes
        self._closed = False
        self.checkpoint()

    @property
    def size(self) -> int:
        """Entries on the disk."""
        return self._frontier.size

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder.path

    @property
    def verifier_key(self) -> VerifierKey:
        """The public key, for readers to pin."""
        return key_of(self._name, self._key)

    def append(self, event: AuditEvent) -> int:
        """Index of the new entry, once it is on the disk.

        Raises:
            AuditError: The disk is full or cannot be written; the log is as it was before.
        """
        return self.append_all([event])

    def append_all(self, events: Sequence[AuditEvent]) -> int:
        """Index of the first of these entries, once all are on the disk in this order."""
        mine = _Waiting(events)
        with self._queue:
            self._waiting.append(mine)
            leads, self._led = not self._led, True
        if not leads:
            mine.told.wait()
        if not mine.done:
            self._lead()
        if mine.failure is not None:
            raise mine.failure
        return mine.first

    def checkpoint(self) -> Checkpoint:
        """A signed checkpoint over all that is on the disk; it is in the folder on return."""
        with self._turn:
            return self._sign()

    def close(self) -> None:
        """Signs the last checkpoint and lets another process append."""
        with self._turn:
            if self._closed:
                return
            self._closed = True
            try:
                self._sign()
            finally:
                self._files.close()
                self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _lead(self) -> None:
        """Writes once for all that wait, the caller's among it, and lets the next one lead."""
        with self._queue:
            group: list[_Waiting] = []
            count = 0
            while self._waiting and (not group or count < _MAX_GROUP):
                group.append(self._waiting.pop(0))
                count += len(group[-1].events)
        failure: AuditError | None = AuditError("the audit log was interrupted")
        first = self._frontier.size
        try:
            with self._turn:
                first = self._frontier.size
                self._write([event for waiting in group for event in waiting.events])
            failure = None
        except OSError as exc:
            failure = _refused(exc)
            failure.__cause__ = exc
        except AuditError as exc:
            failure = exc
        finally:
            # whatever happened: everybody is told, and the next one leads
            for waiting in group:
                waiting.first, waiting.failure, waiting.done = first, failure, True
                first += len(waiting.events)
                waiting.told.set()
            with self._queue:
                if self._waiting:
                    self._waiting[0].told.set()
                else:
                    self._led = False
        if failure is None and time.monotonic() - self._signed_at >= CHECKPOINT_INTERVAL_S:
            with contextlib.suppress(AuditError):  # the next one signs it
                self.checkpoint()

    def _write(self, events: Sequence[AuditEvent]) -> None:
        if self._closed:
            raise AuditError("the audit log is closed")
        index = self._frontier.size
        sealed: list[SealedEntry] = []
        last_ms = self._time_ms
        for number, event in enumerate(events):
            now_ms = max(0, int(1000 * self._clock()))
            back_ms = max(0, last_ms - now_ms)
            last_ms = max(last_ms, now_ms)
            sealed.append(
                seal_entry(event, index=index + number, time_ms=last_ms, clock_back_ms=back_ms)
            )
        records = [encode_record(entry.content) for entry in sealed]
        end, offsets = self._end, []
        for record in records:
            end += len(record)
            offsets.append(OFFSET.pack(end))
        frontier = self._frontier.copy()
        hashes = [node for entry in sealed for node in frontier.append(leaf_hash(entry.content))]
        self._files.write(
            {
                ENTRIES: b"".join(records),
                SALTS: b"".join(entry.salt for entry in sealed),
                OFFSETS: b"".join(offsets),
                HASHES: b"".join(hashes),
            }
        )
        self._frontier, self._end, self._time_ms = frontier, end, last_ms

    def _sign(self) -> Checkpoint:
        # the turn is held
        checkpoint = Checkpoint(self._name, self._frontier.size, self._frontier.root())
        if checkpoint.size != self._signed_size:
            try:
                # what a checkpoint covers is read by hashes and offsets, not made anew from entries
                self._files.sync()
                self._folder.write_checkpoint(checkpoint, self._key)
            except OSError as exc:
                raise _refused(exc) from exc
            self._signed_size = checkpoint.size
        self._signed_at = time.monotonic()
        return checkpoint


class _Waiting:
    """Events of one caller, and what became of them."""

    def __init__(self, events: Sequence[AuditEvent]) -> None:
        self.events = events
        self.done = False
        self.told = threading.Event()
        self.first = -1
        self.failure: AuditError | None = None


def _locked(path: Path) -> BinaryIO:
    lock = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        lock.close()
        raise AuditError(
            "another process appends to this audit log",
            hint="stop it, or give this one a folder of its own",
        ) from exc
    return lock


def _refused(exc: OSError) -> AuditError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return AuditError("the disk of the audit log is full", hint="make room; nothing was lost")
    if exc.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return AuditError(
            "the audit log cannot be written", hint="is its folder read-only, or another user's?"
        )
    return AuditError(f"the audit log cannot be written ({type(exc).__name__})")
