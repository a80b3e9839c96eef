"""Putting objects in, getting them out, finding and deleting them.

Order of a put: everything that can fail without the archive is done first (reading,
de-identification, JPEG 2000). Then, in the index's write transaction: seal and store the bytes,
add the row, commit. A row is there only if its object is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from safelight.errors import ArchiveError, InputError
from safelight.imaging.deidentification import (
    DeidentificationOptions,
    IdentifierKey,
)
from safelight.vault.archive.content_check import checked_content
from safelight.vault.archive.index import Index, Row
from safelight.vault.archive.keyring import Keyring, keyring_stamp
from safelight.vault.archive.object_store import ObjectStore
from safelight.vault.archive.preparation import prepare
from safelight.vault.archive.record import Record, open_record, seal_record
from safelight.vault.archive.stored_object import PutResult, StoredObject
from safelight.vault.envelope.sealing import seal_bytes
from safelight.vault.envelope.suites import Suite

Permit = Callable[[str, str], None]
"""Asked before an operation with its name (``put``, ``get``, ``list``, ``delete``) and the study's
UID, empty where there is none; raises to forbid it."""


class Archive:
    """An open archive; see `safelight.vault.archive.creation.open_archive`.

    Args:
        folder: Of index and keyring.
        keyring: Opened.
        store: Of the objects.
        stamp: Of the keyring's file, taken before it was opened.
        permit: Asked before each operation.
        wait_s: How long to wait for another writer.
    """

    def __init__(
        self,
        folder: Path,
        keyring: Keyring,
        store: ObjectStore,
        *,
        stamp: bytes,
        permit: Permit | None = None,
        wait_s: float = 30.0,
    ) -> None:
        self.folder, self.keyring, self.store = folder, keyring, store
        self.index = Index(folder, wait_s=wait_s)
        self._keyring_stamp = stamp
        self._permit = permit or (lambda action, study: None)

    def put(
        self, content: bytes, options: DeidentificationOptions, *, ratio: float | None = None
    ) -> PutResult:
        """De-identifies, compresses, seals and stores a DICOM file.

        Args:
            content: Of the file.
            options: Of the de-identification.
            ratio: None for lossless JPEG 2000; else see `recode`.

        Raises:
            DeidentificationError: refused.
            ImageError: damaged.
            InputError: the archive holds another version of this instance.
            ArchiveError: the archive cannot be written.
        """
        prepared = prepare(
            content, options, IdentifierKey(self.keyring.identifier_key), ratio=ratio
        )
        summary = prepared.summary
        self._permit("put", summary["study_uid"])
        sha256 = hashlib.sha256(prepared.content).digest()
        object_id = self._digest(b"content", sha256)
        sop = self.uid_digest(summary["sop_instance_uid"])
        with self.index.writing():
            self.check_keyring()
            self._finish_removals()
            present = self.index.get(object_id)
            if present is not None:
                return PutResult(self._opened(present), False, prepared.report)
            if self.index.with_instance(sop) is not None:
                raise InputError(
                    "the archive holds another version of this instance",
                    hint="it was put with other options or by another release; delete it first",
                )
            sealed = seal_bytes(
                prepared.content,
                [self.keyring.wrap_key],
                suite=Suite.ARCHIVE_GCM,
                context=object_id,
            )
            record = Record(
                **summary,
                form=prepared.form,
                source_bytes=len(content),
                content_bytes=len(prepared.content),
                sealed_bytes=len(sealed),
                content_sha256=sha256.hex(),
                pixel_sha256=prepared.pixel_digest,
            )
            self.store.write(object_id.hex(), sealed)
            self.index.add(
                Row(
                    object_id,
                    sop,
                    self.uid_digest(record.series_uid),
                    self.uid_digest(record.study_uid),
                    seal_record(record, object_id, self.keyring.index_keys[0]),
                )
            )
        return PutResult(StoredObject(object_id.hex(), record), True, prepared.report)

    def get(self, object_id: str) -> tuple[bytes, Record]:
        """The DICOM file of an object, verified.

        Raises:
            ArchiveError: no such object, or not what was stored.
        """
        found = self.find(object_id)
        self._permit("get", found.record.study_uid)
        return self.verified_content(found), found.record

    def list(self, *, study_uid: str = "", series_uid: str = "") -> Iterator[StoredObject]:
        """All objects, or those of a study or series by their replaced UIDs."""
        self._permit("list", study_uid)
        rows = self.index.rows(
            study=self.uid_digest(study_uid) if study_uid else None,
            series=self.uid_digest(series_uid) if series_uid else None,
        )
        return (self._opened(row) for row in rows)

    def delete(self, object_id: str) -> None:
        """Removes an object: first from sight, then its bytes, then its row.

        Raises:
            ArchiveError: no such object, or the archive cannot be written.
        """
        found = self.find(object_id)
        self._permit("delete", found.record.study_uid)
        with self.index.writing():
            self.index.set_leaving(bytes.fromhex(found.id))
        with self.index.writing():
            self._finish_removals()

    def find(self, object_id: str) -> StoredObject:
        """The object of an id, or of the beginning of one that is not ambiguous.

        Raises:
            ArchiveError: none, or several.
        """
        wanted = object_id.lower()
        if len(wanted) == 64:
            with suppress(ValueError):
                if row := self.index.get(bytes.fromhex(wanted)):
                    return self._opened(row)
            rows = []
        else:
            rows = [r for r in self.index.rows() if wanted and r.id.hex().startswith(wanted)]
        if len(rows) == 1:
            return self._opened(rows[0])
        raise ArchiveError(
            f"{len(rows) or 'no'} objects begin with this id" if rows else "no object has this id",
            hint="safelight vault list shows them",
        )

    def replaced_uid(self, original: str) -> str:
        """The UID that an original one has in this archive."""
        return IdentifierKey(self.keyring.identifier_key).uid(original)

    def uid_digest(self, uid: str) -> bytes:
        """For look-ups of UIDs in the index."""
        return self._digest(b"uid", uid.encode("ascii", "replace"))

    def verified_content(self, found: StoredObject) -> bytes:
        """Opens an object; compares content and pixels with the record.

        Raises:
            ArchiveError: it is not what was stored.
        """
        object_id = bytes.fromhex(found.id)
        sealed = self.store.read(found.id)
        return checked_content(sealed, object_id, found.record, self.keyring.openers)

    def check_keyring(self) -> None:
        """Refuses to write under keys that another process has replaced. Inside a transaction.

        Raises:
            ArchiveError: the keyring is not the one that was opened.
        """
        if keyring_stamp(self.folder) != self._keyring_stamp:
            raise ArchiveError(
                "the archive's keys were changed meanwhile", hint="open the archive again"
            )

    def adopt_keyring(self, keyring: Keyring) -> None:
        """Goes on with a keyring that has just been written."""
        self.keyring, self._keyring_stamp = keyring, keyring_stamp(self.folder)

    def close(self) -> None:
        """Ends the use of the index."""
        self.index.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _opened(self, row: Row) -> StoredObject:
        return StoredObject(row.id.hex(), open_record(row.record, row.id, self.keyring.index_keys))

    def _finish_removals(self) -> None:
        for object_id in self.index.leaving():
            self.store.remove(object_id.hex())
            self.index.drop(object_id)

    def _digest(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self.keyring.digest_key, purpose + b"\0" + data, hashlib.sha256)
