"""Signed checkpoints: size and root of the log as a signed note, readable by people and tools.

    safelight-audit/4f0c…
    1048576
    3Y8hV…=

    — safelight-audit/4f0c… Rg4c…

**Source**: C2SP tlog-checkpoint and signed-note (c2sp.org); Ed25519 is signature type 1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.merkle import HASH_BYTES

# A checkpoint with a few witnesses' signatures is under 2 kB.
MAX_CHECKPOINT_BYTES = 16 * 1024

_ED25519 = b"\x01"
_NAME = re.compile(r"[^\s+]{1,128}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
_SIGNATURE_START = "— "
_NOTE_HINT = "do not trust this log; compare its checkpoints with what others kept"


@dataclass(frozen=True)
class Checkpoint:
    """A tree head.

    Args:
        origin: Name of the log, also of its key.
        size: Entries.
        root: Root hash.
    """

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class VerifierKey:
    """Name and public key of a log: what its readers pin."""

    name: str
    public_key: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that mark this key's signatures."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public_key).digest()[:4]

    def __str__(self) -> str:
        key = base64.b64encode(_ED25519 + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Reads ``name+id+key``.

        Raises:
            InputError: It is no Ed25519 key of a log.
        """
        parts = text.strip().split("+", 2)
        if len(parts) == 3 and _NAME.fullmatch(parts[0]):
            data = _base64(parts[2])
            if data is not None and len(data) == 33 and data[:1] == _ED25519:
                key = cls(parts[0], data[1:])
                if key.key_id.hex() == parts[1]:
                    return key
        raise InputError(
            "this is not the public key of an audit log",
            hint="it reads name+id+key; the log's folder has it in the file verifier-key",
        )


def key_of(name: str, private_key: Ed25519PrivateKey) -> VerifierKey:
    """The public half of a log's key."""
    return VerifierKey(name, private_key.public_key().public_bytes_raw())


def sign_checkpoint(checkpoint: Checkpoint, private_key: Ed25519PrivateKey) -> bytes:
    """The note of a checkpoint, signed under the name of its origin."""
    text = checkpoint.text()
    key = key_of(checkpoint.origin, private_key)
    signature = base64.b64encode(key.key_id + private_key.sign(text.encode())).decode()
    return f"{text}\n{_SIGNATURE_START}{checkpoint.origin} {signature}\n".encode()


def open_note(note: bytes, key: VerifierKey) -> str:
    """Text of a signed note, once this key's signature is found and holds.

    Signatures of others, such as witnesses, are passed over.

    Raises:
        AuditTamperedError: Not a note, or not signed by this key.
    """
    try:
        content = note.decode()
    except UnicodeDecodeError:
        content = ""
    text, separator, signatures = content.rpartition("\n\n")
    too_long = len(note) > MAX_CHECKPOINT_BYTES
    control = any(ord(character) < 0x20 and character != "\n" for character in content)
    if not separator or too_long or control or not signatures.endswith("\n"):
        raise AuditTamperedError("the checkpoint is not a signed note", hint=_NOTE_HINT)
    text += "\n"
    for line in signatures.split("\n")[:-1]:
        name, _, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
        data = _base64(encoded)
        if not line.startswith(_SIGNATURE_START) or data is None or len(data) < 5:
            raise AuditTamperedError("a signature line is not one", hint=_NOTE_HINT)
        if name != key.name or data[:4] != key.key_id:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(data[4:], text.encode())
        except InvalidSignature as exc:
            raise AuditTamperedError(
                "the checkpoint's signature is false", hint=_NOTE_HINT
            ) from exc
        return text
    raise AuditTamperedError("the checkpoint is not signed by this log's key", hint=_NOTE_HINT)


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """A checkpoint that this key has signed.

    Raises:
        AuditTamperedError: Not a checkpoint, of another log, or not signed by this key.
    """
    lines = open_note(note, key).split("\n")
    if len(lines) < 4 or not _SIZE.fullmatch(lines[1]) or "" in lines[:-1]:
        raise AuditTamperedError("the signed note is not a checkpoint", hint=_NOTE_HINT)
    root = _base64(lines[2])
    if root is None or len(root) != HASH_BYTES or lines[0] != key.name:
        raise AuditTamperedError("the signed note is not a checkpoint of this log")
    return Checkpoint(lines[0], int(lines[1]), root)


def _base64(text: str) -> bytes | None:
    """Standard base64 in its one form, or None."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
