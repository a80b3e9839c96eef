"""Reading a log: entries, proofs about them, and a check of everything that is there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from safelight.vault.audit.entry import NO_SALT, SALT_BYTES, read_entry
from safelight.vault.audit.log_folder import (
    ENTRIES,
    HASHES,
    OFFSET,
    OFFSETS,
    SALTS,
    LogFolder,
    StoredHashes,
    entry_start,
    read_fixed,
)
from safelight.vault.audit.merkle import (
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_hash,
)
from safelight.vault.audit.records import FILE_START, decode_record, whole_records

# Called with entries checked and entries in all.
Progress = Callable[[int, int], None]
_PROGRESS_EVERY = 4096


@dataclass(frozen=True)
class Verification:
    """What `LogReader.verify` found in order.

    Args:
        checkpoint: Signed, and given by the entries.
        behind: Whole entries behind the checkpoint, not yet signed for.
        torn_bytes: Rest of an unfinished write, from a crash or from a writer at work.
        erased_salts: Entries whose commitments cannot be opened any more.
        clock_steps: Entries that say that the clock ran backwards.
    """

    checkpoint: Checkpoint
    behind: int
    torn_bytes: int
    erased_salts: int
    clock_steps: int


class LogReader:
    """A log as its readers see it; another process may append meanwhile.

    Args:
        folder: Of the log.
        key: The log's public key; that of the folder itself where the reader has no other, which
            shows that the log agrees with itself, not whose it is.

    Raises:
        AuditError: There is no log.
        AuditTamperedError: The checkpoint is not signed by the key.
    """

    def __init__(self, folder: Path, key: VerifierKey | None = None) -> None:
        self._folder = LogFolder(folder)
        self.key = self._folder.verifier_key() if key is None else key
        self._note = self._folder.checkpoint_note()
        self.checkpoint = open_checkpoint(self._note, self.key)

    @property
    def note(self) -> bytes:
        """The checkpoint as signed."""
        return self._note

    def entry(self, index: int) -> bytes:
        """Content of an entry.

        Raises:
            InputError: There is no such entry under the checkpoint.
            AuditTamperedError: It is damaged.
        """
        self._check_index(index)
        start, stop = entry_start(self._folder, index), entry_start(self._folder, index + 1)
        with self._folder.file(ENTRIES).open("rb") as file:
            file.seek(start)
            content = decode_record(file.read(max(0, stop - start)))
        if content is None:
            raise AuditTamperedError(f"entry {index} is damaged")
        return content

    def entries(self, start: int = 0) -> Iterator[dict[str, Any]]:
        """Fields of the entries that the checkpoint covers, from ``start`` on; not verified."""
        with self._folder.file(ENTRIES).open("rb") as file:
            records = whole_records(file, entry_start(self._folder, start))
            for index, (content, _) in zip(
                range(start, self.checkpoint.size), records, strict=False
            ):
                yield read_entry(content, index=index)

    def inclusion(self, index: int, *, with_salt: bool = False) -> dict[str, Any]:
        """Proof that an entry is in the log, as a JSON object that stands alone.

        Args:
            index: Of the entry.
            with_salt: Adds the salt, so that whoever has the content of a commitment can check
                it. **Security**: give it only to who may know what the entry is about.
        """
        self._check_index(index)
        content = self.entry(index)
        path = self._with_hashes(lambda h: inclusion_path(index, self.checkpoint.size, h.read))
        document: dict[str, Any] = {
            "proof": "inclusion",
            "index": index,
            "entry": content.decode(),
            "path": _texts(path),
            "checkpoint": self._note.decode(),
        }
        if with_salt:
            salt = read_fixed(self._folder.file(SALTS), index, SALT_BYTES)
            document["salt"] = None if salt == NO_SALT else salt.hex()
        return document

    def consistency(self, old: int) -> dict[str, Any]:
        """Proof that the log continues the one of ``old`` entries, as a JSON object.

        Raises:
            InputError: The log has not so many entries.
        """
        if not 0 <= old <= self.checkpoint.size:
            raise InputError(f"the log has {self.checkpoint.size} entries, not {old}")
        size = self.checkpoint.size
        path = [] if old == 0 else self._with_hashes(lambda h: consistency_path(old, size, h.read))
        root = self._with_hashes(lambda h: root_hash(old, h.read))
        return {
            "proof": "consistency",
            "old_size": old,
            "old_root": base64.b64encode(root).decode(),
            "path": _texts(path),
            "checkpoint": self._note.decode(),
        }

    def verify(self, progress: Progress | None = None) -> Verification:
        """Checks every byte of the log against the checkpoint.

        Raises:
            AuditTamperedError: Anything is not as it was written.
        """
        size = self.checkpoint.size
        count = behind = clock_steps = erased = 0
        last_ms = 0
        frontier = Frontier(0, lambda level, n: b"")
        with (
            self._folder.file(ENTRIES).open("rb") as entries,
            self._folder.file(HASHES).open("rb") as hashes,
            self._folder.file(OFFSETS).open("rb") as offsets,
            self._folder.file(SALTS).open("rb") as salts,
        ):
            if entries.read(len(FILE_START)) != FILE_START:
                raise AuditTamperedError("the file of entries is none")
            end = len(FILE_START)
            for content, stop in whole_records(entries, end):
                if count == size:
                    behind, end = behind + 1, stop
                    continue
                entry = read_entry(content, index=count)
                if entry["time_ms"] < last_ms:
                    raise AuditTamperedError(f"entry {count} is older than the one before")
                last_ms, end = entry["time_ms"], stop
                clock_steps += "clock_back_ms" in entry
                new = b"".join(frontier.append(leaf_hash(content)))
                if hashes.read(len(new)) != new:
                    raise AuditTamperedError(f"the stored hashes are not those of entry {count}")
                if offsets.read(OFFSET.size) != OFFSET.pack(stop):
                    raise AuditTamperedError(f"the stored place of entry {count} is wrong")
                erased += _salt_is_erased(entry, salts.read(SALT_BYTES), count)
                count += 1
                if progress is not None and count % _PROGRESS_EVERY == 0:
                    progress(count, size)
        if count < size:
            raise AuditTamperedError(f"the log has {count} whole entries of {size}")
        if frontier.root() != self.checkpoint.root:
            raise AuditTamperedError("the entries are not those of the checkpoint")
        torn = self._folder.file(ENTRIES).stat().st_size - end
        return Verification(self.checkpoint, behind, max(0, torn), erased, clock_steps)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < self.checkpoint.size:
            raise InputError(
                f"there is no entry {index}: the checkpoint covers {self.checkpoint.size}"
            )

    def _with_hashes(self, use: Callable[[StoredHashes], Any]) -> Any:
        stored = StoredHashes(self._folder.file(HASHES))
        try:
            return use(stored)
        finally:
            stored.close()


def _salt_is_erased(entry: dict[str, Any], salt: bytes, index: int) -> bool:
    stated = entry.get("salt_sha256")
    if len(salt) != SALT_BYTES:
        raise AuditTamperedError("the file of salts is cut short")
    if salt == NO_SALT:
        return stated is not None
    if hashlib.sha256(salt).hexdigest() != stated:
        raise AuditTamperedError(f"the salt of entry {index} is not the one it was written with")
    return False


def _texts(path: list[bytes]) -> list[str]:
    return [base64.b64encode(part).decode() for part in path]
