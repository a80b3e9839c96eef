"""Opening a log for appending: what a crash left is put right, what a person did is not.

1. The checkpoint must be signed by the log's key.
2. Everything that it covers must be there and give its root. Hashes and offsets follow from the
   entries: where a crash cut them they are made anew.
3. Whole records behind it were written but not yet covered: they count. What is not whole is the
   rest of a write that nobody was told had succeeded: it is cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.errors import AuditTamperedError
from safelight.vault.audit.appending import GrowingFiles
from safelight.vault.audit.checkpoint import Checkpoint, key_of
from safelight.vault.audit.entry import SALT_BYTES, read_entry
from safelight.vault.audit.log_folder import (
    ENTRIES,
    HASHES,
    OFFSET,
    OFFSETS,
    SALTS,
    LogFolder,
    StoredHashes,
    entry_start,
    sync_folder,
)
from safelight.vault.audit.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    Frontier,
    leaf_hash,
    root_hash,
    stored_count,
)
from safelight.vault.audit.records import FILE_START, decode_record, whole_records

_HINT = "keep a copy of the folder as it is, and look into it with `safelight audit verify`"


@dataclass
class Recovered:
    """A log ready for appending.

    Args:
        files: Open, cut to what counts.
        frontier: The tree so far.
        end: Bytes of the file of entries.
        last_time_ms: Time of the last entry, or 0.
        torn_bytes: Bytes cut off the file of entries.
    """

    files: GrowingFiles
    frontier: Frontier
    end: int
    last_time_ms: int
    torn_bytes: int


def first_checkpoint(folder: LogFolder, name: str, key: Ed25519PrivateKey) -> Checkpoint:
    """The last checkpoint, or that of the empty log where the folder is new."""
    path = folder.file("checkpoint")
    entries = folder.file(ENTRIES)
    if not path.exists():
        if entries.exists() and entries.stat().st_size > 0:
            raise AuditTamperedError(
                "the log has entries and no checkpoint", hint="restore its folder from a backup"
            )
        folder.write_checkpoint(Checkpoint(name, 0, EMPTY_ROOT), key)
    return folder.checkpoint(key_of(name, key))


def recover(folder: LogFolder, checkpoint: Checkpoint, *, sync: bool) -> Recovered:
    """Opens the files of a log whose lock is held.

    Raises:
        AuditTamperedError: The files do not give what the checkpoint says.
    """
    entries = folder.file(ENTRIES)
    for name in (SALTS, OFFSETS, HASHES, ENTRIES):
        folder.file(name).touch(0o600)  # the mode counts where it is new
    if checkpoint.size == 0 and _size(entries) < len(FILE_START):
        entries.write_bytes(FILE_START)
    sync_folder(folder.path)  # files that are new have their names on the disk too
    with entries.open("rb") as file:
        if file.read(len(FILE_START)) != FILE_START:
            raise AuditTamperedError("the file of entries is none", hint=_HINT)
        size, end = _covered(folder, checkpoint)
        if size < checkpoint.size:
            size, end = 0, len(FILE_START)
        hashes = StoredHashes(folder.file(HASHES))
        try:
            frontier = Frontier(size, hashes.read)
        finally:
            hashes.close()
        new_hashes: list[bytes] = []
        offsets: list[bytes] = []
        last_time_ms = _time_before(folder, size)
        start_size, start_end = size, end
        for content, stop in whole_records(file, end):
            if (size + 1) * SALT_BYTES > _size(folder.file(SALTS)):
                break
            try:
                entry = read_entry(content, index=size)
            except AuditTamperedError:
                if size < checkpoint.size:
                    raise
                break
            new_hashes += frontier.append(leaf_hash(content))
            offsets.append(OFFSET.pack(stop))
            last_time_ms, size, end = entry["time_ms"], size + 1, stop
            if size == checkpoint.size and frontier.root() != checkpoint.root:
                raise AuditTamperedError("the entries are not those of the checkpoint", hint=_HINT)
    if size < checkpoint.size:
        raise AuditTamperedError(
            f"the log has {size} whole entries, its checkpoint {checkpoint.size}", hint=_HINT
        )
    torn = _size(entries) - end
    files = GrowingFiles(
        folder.path,
        {
            ENTRIES: start_end,
            SALTS: start_size * SALT_BYTES,
            OFFSETS: start_size * OFFSET.size,
            HASHES: stored_count(start_size) * HASH_BYTES,
        }
        | {ENTRIES: end, SALTS: size * SALT_BYTES},
        sync=sync,
    )
    files.write(
        {ENTRIES: b"", SALTS: b"", OFFSETS: b"".join(offsets), HASHES: b"".join(new_hashes)}
    )
    return Recovered(files, frontier, end, last_time_ms, torn)


def _covered(folder: LogFolder, checkpoint: Checkpoint) -> tuple[int, int]:
    """The checkpoint's size and its end in the file of entries, if the files that follow from
    the entries are whole up to there; else nothing is taken from them.
    """
    size = checkpoint.size
    whole = (
        _size(folder.file(OFFSETS)) >= size * OFFSET.size
        and _size(folder.file(HASHES)) >= stored_count(size) * HASH_BYTES
    )
    if not whole:
        return 0, len(FILE_START)
    hashes = StoredHashes(folder.file(HASHES))
    try:
        matches = root_hash(size, hashes.read) == checkpoint.root
    finally:
        hashes.close()
    if not matches or (size and not _ends_where_stated(folder, size)):
        return 0, len(FILE_START)
    return size, entry_start(folder, size)


def _ends_where_stated(folder: LogFolder, size: int) -> bool:
    """Whether the last covered record is where its offsets say: what lies behind its end is cut
    off, so an offset that a crash or a hand has spoiled must not say where that is.
    """
    start, stop = entry_start(folder, size - 1), entry_start(folder, size)
    if not len(FILE_START) <= start < stop <= _size(folder.file(ENTRIES)):
        return False
    with folder.file(ENTRIES).open("rb") as file:
        file.seek(start)
        content = decode_record(file.read(stop - start))
    if content is None:
        return False
    hashes = StoredHashes(folder.file(HASHES))
    try:
        return hashes.read(0, size - 1) == leaf_hash(content)
    finally:
        hashes.close()


def _time_before(folder: LogFolder, size: int) -> int:
    if size == 0:
        return 0
    with folder.file(ENTRIES).open("rb") as file:
        for content, _ in whole_records(file, entry_start(folder, size - 1)):
            return int(read_entry(content, index=size - 1)["time_ms"])
    raise AuditTamperedError(f"entry {size - 1} is damaged", hint=_HINT)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
