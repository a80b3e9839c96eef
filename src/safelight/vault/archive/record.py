"""What the index keeps of an object, encrypted.

Everything that could tell something of a patient or of the archive's content is in the encrypted
part; a row shows a keyed digest as its name, keyed digests for look-ups, and nothing else.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safelight.errors import ArchiveError

_NONCE_BYTES = 12


@dataclass(frozen=True)
class Record:
    """One object.

    Args:
        sop_instance_uid: As replaced.
        series_uid: The same.
        study_uid: The same.
        sop_class_uid: Its kind.
        patient: Pseudonym.
        modality: DICOM's code.
        form: How its pixels are kept, see `safelight.imaging.jpeg2000_recoding`.
        rows: Of a frame; empty where it has none.
        columns: The same.
        frames: Empty for one.
        source_bytes: Of the file that was put.
        content_bytes: Of what is sealed.
        sealed_bytes: Of the envelope.
        content_sha256: Of what is sealed, in hex.
        pixel_sha256: Of its decoded samples, in hex; empty where there are none.
    """

    sop_instance_uid: str
    series_uid: str
    study_uid: str
    sop_class_uid: str
    patient: str
    modality: str
    form: str
    rows: str
    columns: str
    frames: str
    source_bytes: int
    content_bytes: int
    sealed_bytes: int
    content_sha256: str
    pixel_sha256: str

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """The inverse of `to_json`."""
        return cls(**{field.name: document[field.name] for field in fields(cls)})

    def to_json(self) -> dict[str, Any]:
        """For the index and for people."""
        return asdict(self)


def seal_record(record: Record, object_id: bytes, index_key: bytes) -> bytes:
    """Nonce and AES-256-GCM of the record, bound to the object's id."""
    nonce = os.urandom(_NONCE_BYTES)
    plain = json.dumps(record.to_json(), sort_keys=True).encode("utf-8")
    return nonce + AESGCM(index_key).encrypt(nonce, plain, object_id)


def open_record(sealed: bytes, object_id: bytes, index_keys: tuple[bytes, ...]) -> Record:
    """The record, under any of the keys.

    Raises:
        ArchiveError: the row was changed or belongs to another archive.
    """
    for key in index_keys:
        try:
            plain = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], object_id)
            return Record.from_json(json.loads(plain))
        except (InvalidTag, ValueError):
            continue
    raise ArchiveError(
        "a row of the index was changed or is of another archive",
        hint="restore index.sqlite from a copy",
    )
