"""The files of a log.

entries         records, appended
hashes          hashes of complete subtrees, 32 bytes each; follows from the entries
offsets         end of each record in `entries`, 8 bytes each; follows from the entries
salts           salt of each entry, 32 bytes; private, may be overwritten with zeros
checkpoint      the last signed checkpoint
verifier-key    public key and name of the log, to be pinned by others
log-key         the key that signs checkpoints; private
lock            held by the one process that appends
"""

from __future__ import annotations

import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.errors import AuditError, AuditTamperedError
from safelight.vault.audit.checkpoint import (
    MAX_CHECKPOINT_BYTES,
    Checkpoint,
    VerifierKey,
    key_of,
    open_checkpoint,
    sign_checkpoint,
)
from safelight.vault.audit.entry import SALT_BYTES
from safelight.vault.audit.merkle import HASH_BYTES, stored_index
from safelight.vault.audit.records import FILE_START

ENTRIES: Final = "entries"
HASHES: Final = "hashes"
OFFSETS: Final = "offsets"
SALTS: Final = "salts"
OFFSET = struct.Struct(">Q")

_ORIGIN = "safelight-audit/"
_SECRET_BYTES = 32


@dataclass(frozen=True)
class LogFolder:
    """The folder of one log and the names in it."""

    path: Path

    def file(self, name: str) -> Path:
        """Path of one file."""
        return self.path / name

    def verifier_key(self) -> VerifierKey:
        """Public key of the log, as its own folder states it.

        Raises:
            AuditError: There is no log here.
        """
        try:
            return VerifierKey.parse(self.file("verifier-key").read_text("ascii", "replace"))
        except FileNotFoundError as exc:
            raise AuditError(
                "there is no audit log in this folder", hint="a service keeps it in DATA/audit"
            ) from exc

    def checkpoint_note(self) -> bytes:
        """The last checkpoint, as bytes.

        Raises:
            AuditTamperedError: It is missing.
        """
        try:
            with self.file("checkpoint").open("rb") as file:
                return file.read(MAX_CHECKPOINT_BYTES + 1)
        except FileNotFoundError as exc:
            raise AuditTamperedError("the log's checkpoint is missing") from exc

    def checkpoint(self, key: VerifierKey) -> Checkpoint:
        """The last checkpoint, its signature checked."""
        return open_checkpoint(self.checkpoint_note(), key)

    def write_checkpoint(self, checkpoint: Checkpoint, key: Ed25519PrivateKey) -> None:
        """Replaces the checkpoint; there is a whole one at any moment."""
        replace_durably(self.file("checkpoint"), sign_checkpoint(checkpoint, key))

    def signing_key(self) -> tuple[str, Ed25519PrivateKey]:
        """Name and private key of the log, made at the first start.

        Raises:
            AuditError: The key is damaged, or is not that of this log.
        """
        path = self.file("log-key")
        if not path.exists():
            if self.file("verifier-key").exists():
                raise AuditError(
                    "the log's signing key is missing", hint="restore it, or start another log"
                )
            name = _ORIGIN + secrets.token_hex(8)
            secret = Ed25519PrivateKey.generate().private_bytes_raw()
            replace_durably(path, name.encode() + b"\n" + secret)
        name_bytes, separator, secret = path.read_bytes().partition(b"\n")
        if not separator or len(secret) != _SECRET_BYTES or not name_bytes.isascii():
            raise AuditError("the log's signing key is damaged", hint="restore it from a backup")
        name, key = name_bytes.decode(), Ed25519PrivateKey.from_private_bytes(secret)
        public = self.file("verifier-key")
        if not public.exists():
            replace_durably(public, f"{key_of(name, key)}\n".encode(), mode=0o644)
        if self.verifier_key() != key_of(name, key):
            raise AuditError("the log's signing key is not the one that its readers know")
        return name, key


class StoredHashes:
    """Reads the file of hashes.

    Args:
        path: The file; may grow meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def read(self, level: int, n: int) -> bytes:
        """Hash of complete subtree ``n`` of a level.

        Raises:
            AuditTamperedError: It is not there.
        """
        value = os.pread(self._descriptor, HASH_BYTES, HASH_BYTES * stored_index(level, n))
        if len(value) != HASH_BYTES:
            raise AuditTamperedError("the log's hashes are cut short")
        return value

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)


def read_fixed(path: Path, index: int, size: int) -> bytes:
    """Item ``index`` of a file of items of one size.

    Raises:
        AuditTamperedError: It is not there.
    """
    with path.open("rb") as file:
        file.seek(index * size)
        value = file.read(size)
    if len(value) != size:
        raise AuditTamperedError(f"the log's {path.name} are cut short")
    return value


def entry_start(folder: LogFolder, index: int) -> int:
    """Where the record of entry ``index`` begins."""
    if index == 0:
        return len(FILE_START)
    value = read_fixed(folder.file(OFFSETS), index - 1, OFFSET.size)
    return int(OFFSET.unpack(value)[0])


def erase_salt(folder: LogFolder, index: int) -> None:
    """Makes the commitments of an entry say nothing, for good; the log still verifies."""
    read_fixed(folder.file(SALTS), index, SALT_BYTES)
    descriptor = os.open(folder.file(SALTS), os.O_WRONLY)
    try:
        os.pwrite(descriptor, bytes(SALT_BYTES), index * SALT_BYTES)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Writes a file whole or not at all, also when the power fails."""
    unfinished = path.with_name(path.name + ".new")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
