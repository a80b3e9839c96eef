"""One entry of the log: who asked for what and what was decided, without a word about a patient.

An entry is canonical JSON of a closed list of fields. What must not be readable (digests of
inputs and results, names of studies) stands there only as a commitment: HMAC-SHA-256 under a salt
of this entry alone, which is kept beside the log and can be erased. Whoever is shown the salt
and the content can check the commitment; without the salt it says nothing, not even that two
entries are about the same thing.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from safelight.errors import AuditError, AuditTamperedError, MalformedError
from safelight.wire.canonical_json import canonical_json, parse_json

SALT_BYTES = 32
NO_SALT = bytes(SALT_BYTES)
# Fits the length field of a record; ours have 300 to 800 bytes.
MAX_ENTRY_BYTES = 16 * 1024

_DOMAIN = b"safelight audit commitment v1\0"
_TEXT = re.compile(r"[\x20-\x7e]{1,128}")
# policies that decided, of sets of a hundred and more; their ids have at most 64 characters
MAX_POLICIES = 200
_MAX_COMMITMENTS = 16

# Names in clear are ours (ids, digests of models, codes), never what a client wrote.
TEXT_FIELDS: Final = frozenset(
    {
        "event",
        "request_id",
        "client_id",
        "job_id",
        "action",
        "resource",
        "model",
        "model_digest",
        "level",
        "purpose",
        "consent",
        "decision",
        "code",
    }
)
LIST_FIELDS: Final = frozenset({"policies"})
# What the log itself adds.
_OWN_FIELDS: Final = frozenset({"index", "time_ms", "clock_back_ms", "commitments", "salt_sha256"})


@dataclass(frozen=True)
class AuditEvent:
    """What is to be logged.

    Args:
        fields: Values of `TEXT_FIELDS`, and lists of them for `LIST_FIELDS`; None is left out.
        private: Name → content that only a commitment to is logged, such as a digest.

    Raises:
        AuditError: A field that is not on the list, or a value that is not plain text.
    """

    fields: Mapping[str, str | list[str] | None]
    private: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, value in self.fields.items():
            if value is None:
                continue
            texts = value if name in LIST_FIELDS and isinstance(value, list) else [value]
            known = name in TEXT_FIELDS or name in LIST_FIELDS
            if not known or len(texts) > MAX_POLICIES or not all(map(_is_text, texts)):
                raise AuditError(
                    f"an audit entry cannot have this field: {name if known else 'unknown'}"
                )
        if len(self.private) > _MAX_COMMITMENTS or not all(map(_is_text, self.private)):
            raise AuditError("too many commitments, or the name of one is not plain text")


@dataclass(frozen=True)
class SealedEntry:
    """An entry as it is written: its bytes, and the salt that opens its commitments."""

    content: bytes
    salt: bytes = field(repr=False)


def seal_entry(
    event: AuditEvent, *, index: int, time_ms: int, clock_back_ms: int = 0
) -> SealedEntry:
    """Bytes of an event as entry ``index``, under a fresh salt.

    Args:
        event: What is to be logged.
        index: Place in the log.
        time_ms: Milliseconds since 1970, never less than the entry before.
        clock_back_ms: By how much the clock was behind that.
    """
    document: dict[str, Any] = {
        name: value for name, value in event.fields.items() if value is not None
    }
    document |= {"index": index, "time_ms": time_ms}
    if clock_back_ms:
        document["clock_back_ms"] = clock_back_ms
    salt = NO_SALT
    if event.private:
        salt = os.urandom(SALT_BYTES)
        document["salt_sha256"] = hashlib.sha256(salt).hexdigest()
        document["commitments"] = {
            name: commitment(salt, name, content).hex() for name, content in event.private.items()
        }
    content = canonical_json(document)
    if len(content) > MAX_ENTRY_BYTES:
        raise AuditError(f"an audit entry of {len(content)} bytes, above {MAX_ENTRY_BYTES}")
    return SealedEntry(content, salt)


def commitment(salt: bytes, name: str, content: bytes) -> bytes:
    """Commitment to ``content`` under a name."""
    return hmac.digest(salt, _DOMAIN + name.encode() + b"\0" + content, "sha256")


def read_entry(content: bytes, *, index: int) -> dict[str, Any]:
    """The fields of entry ``index``.

    Raises:
        AuditTamperedError: It is not an entry in its one form, or has another place.
    """
    try:
        document = parse_json(content, MAX_ENTRY_BYTES, canonical=True)
    except MalformedError as exc:
        raise AuditTamperedError(f"entry {index} is damaged") from exc
    fields = set(document) if isinstance(document, dict) else set()
    if not fields or fields - TEXT_FIELDS - LIST_FIELDS - _OWN_FIELDS:
        raise AuditTamperedError(f"entry {index} has fields that no entry has")
    if document.get("index") != index or type(document.get("time_ms")) is not int:
        raise AuditTamperedError(f"entry {index} says that it is another")
    entry: dict[str, Any] = document
    return entry


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _TEXT.fullmatch(value) is not None
