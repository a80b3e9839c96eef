"""Proofs as JSON objects that stand alone: checked with the log's public key and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from safelight.errors import AuditTamperedError, InputError, MalformedError
from safelight.vault.audit.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from safelight.vault.audit.entry import SALT_BYTES, commitment, read_entry
from safelight.vault.audit.merkle import leaf_hash
from safelight.vault.audit.proofs import verify_consistency, verify_inclusion
from safelight.wire.canonical_json import parse_json

MAX_PROOF_BYTES = 256 * 1024
_MAX_PATH = 128


@dataclass(frozen=True)
class CheckedInclusion:
    """An entry that is in the log.

    Args:
        checkpoint: The tree head that covers it.
        entry: Its fields.
        salt: What opens its commitments, where the proof has it.
    """

    checkpoint: Checkpoint
    entry: dict[str, Any]
    salt: bytes | None

    def shows(self, name: str, content: bytes) -> bool:
        """Whether the entry's commitment of that name is to this content.

        Raises:
            InputError: The proof has no salt, or the entry no such commitment.
        """
        stated = self.entry.get("commitments", {}).get(name)
        if self.salt is None or not isinstance(stated, str):
            raise InputError(
                "the proof cannot open this commitment",
                hint="ask for one with the salt; the entry may also have none of that name",
            )
        return hmac.compare_digest(commitment(self.salt, name, content).hex(), stated)


def parse_proof(data: bytes) -> dict[str, Any]:
    """A proof's JSON object.

    Raises:
        InputError: It is none.
    """
    try:
        document = parse_json(data, MAX_PROOF_BYTES)
    except MalformedError as exc:
        raise InputError("the proof is not a JSON document") from exc
    if not isinstance(document, dict) or document.get("proof") not in ("inclusion", "consistency"):
        raise InputError("the document is not a proof", hint="`safelight audit prove` makes them")
    return document


def check_inclusion(document: dict[str, Any], key: VerifierKey) -> CheckedInclusion:
    """Checks a proof of inclusion.

    Raises:
        InputError: Not such a document.
        AuditTamperedError: It does not hold.
    """
    index, text = document.get("index"), document.get("entry")
    if type(index) is not int or not isinstance(text, str):
        raise InputError("the document is not a proof of inclusion")
    checkpoint = _checkpoint(document, key)
    content = text.encode(errors="replace")
    verify_inclusion(leaf_hash(content), index, checkpoint.size, _path(document), checkpoint.root)
    entry = read_entry(content, index=index)
    salt = _salt(document.get("salt"))
    if salt is not None and hashlib.sha256(salt).hexdigest() != entry.get("salt_sha256"):
        raise AuditTamperedError("the salt is not that of the entry")
    return CheckedInclusion(checkpoint, entry, salt)


def check_consistency(
    document: dict[str, Any], key: VerifierKey, old: Checkpoint | None = None
) -> Checkpoint:
    """Checks a proof of consistency; the newer checkpoint.

    Args:
        document: The proof.
        key: Of the log.
        old: What its reader has kept; what the proof states is not evidence of it.

    Raises:
        InputError: Not such a document.
        AuditTamperedError: It does not hold.
    """
    size, root = document.get("old_size"), _hash(document.get("old_root"))
    if type(size) is not int or root is None:
        raise InputError("the document is not a proof of consistency")
    checkpoint = _checkpoint(document, key)
    if old is not None and (size, root) != (old.size, old.root):
        raise AuditTamperedError(
            f"the log's first {old.size} entries are not those of the checkpoint that was kept",
            hint="the log was rewritten or forked: keep both checkpoints, they prove it",
        )
    verify_consistency(size, root, checkpoint.size, checkpoint.root, _path(document))
    return checkpoint


def _checkpoint(document: dict[str, Any], key: VerifierKey) -> Checkpoint:
    note = document.get("checkpoint")
    if not isinstance(note, str):
        raise InputError("the proof has no checkpoint")
    return open_checkpoint(note.encode(errors="replace"), key)


def _path(document: dict[str, Any]) -> list[bytes]:
    path = document.get("path")
    if not isinstance(path, list) or len(path) > _MAX_PATH:
        raise InputError("the proof has no path")
    hashes = [_hash(part) for part in path]
    if None in hashes:
        raise InputError("a hash of the proof is none")
    return [part for part in hashes if part is not None]


def _hash(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if len(value) == 32 else None


def _salt(text: object) -> bytes | None:
    if text is None:
        return None
    try:
        salt = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        salt = b""
    if len(salt) != SALT_BYTES:
        raise InputError("the proof's salt is none")
    return salt
