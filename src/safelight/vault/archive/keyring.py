"""The secrets of an archive, in an envelope of the default suite.

Four kinds: keys that wrap data keys and keys of the index, each with its successors while they
are being replaced; the key of content digests; the key of replaced identifiers. The last two stay
as long as the archive: with others, copies would not be recognised as copies, nor a patient's
later studies as the same patient's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from safelight.errors import ArchiveError, EnvelopeError
from safelight.vault.envelope.archive_key import ArchiveKey
from safelight.vault.envelope.inspection import inspect_envelope
from safelight.vault.envelope.key_schedule import hkdf
from safelight.vault.envelope.keys import PrivateKey, PublicKey
from safelight.vault.envelope.opening import open_bytes
from safelight.vault.envelope.sealing import seal_bytes
from safelight.vault.envelope.whole_file import whole_file

FILE_NAME = "keyring.slev"
_CONTEXT = b"safelight archive keyring v1"
_KEY_BYTES = 32
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, repr=False)
class Keyring:
    """Keys of an archive.

    Args:
        wrap_keys: The current one first; behind it those that are being replaced.
        index_keys: The same for the index.
        digest_key: Of content digests and of look-ups by UID.
        identifier_key: Of replaced identifiers.

    **Security**: secret.
    """

    wrap_keys: tuple[bytes, ...]
    index_keys: tuple[bytes, ...]
    digest_key: bytes
    identifier_key: bytes

    @classmethod
    def generate(cls) -> Self:
        """Fresh keys."""
        wrap, index, digest, identifier = (os.urandom(_KEY_BYTES) for _ in range(4))
        return cls((wrap,), (index,), digest, identifier)

    @property
    def wrap_key(self) -> ArchiveKey:
        """What new objects are sealed to."""
        return ArchiveKey(self.wrap_keys[0])

    @property
    def openers(self) -> list[ArchiveKey]:
        """Everything that objects may be sealed to."""
        return [ArchiveKey(key) for key in self.wrap_keys]

    @property
    def fingerprint(self) -> str:
        """Names the archive for as long as it lives; no secret."""
        return hkdf(self.digest_key, b"safelight archive fingerprint", 16).hex()

    def with_new_keys(self) -> Keyring:
        """The same archive, with fresh keys before the present ones."""
        return replace(
            self,
            wrap_keys=(os.urandom(_KEY_BYTES), *self.wrap_keys),
            index_keys=(os.urandom(_KEY_BYTES), *self.index_keys),
        )

    def without_old_keys(self) -> Keyring:
        """The same archive, after everything has been moved to the current keys."""
        return replace(self, wrap_keys=self.wrap_keys[:1], index_keys=self.index_keys[:1])


def save_keyring(keyring: Keyring, folder: Path, recipients: Sequence[PublicKey]) -> None:
    """Writes the keyring for these recipients, whole or not at all.

    Raises:
        VaultError: it cannot be written, or a recipient's key is not of the default kind.
    """
    document = {
        "wrap_keys": [key.hex() for key in keyring.wrap_keys],
        "index_keys": [key.hex() for key in keyring.index_keys],
        "digest_key": keyring.digest_key.hex(),
        "identifier_key": keyring.identifier_key.hex(),
    }
    sealed = seal_bytes(json.dumps(document).encode("ascii"), recipients, context=_CONTEXT)
    with whole_file(folder / FILE_NAME, replace=True) as file:
        file.write(sealed)


def load_keyring(folder: Path, keys: Sequence[PrivateKey]) -> Keyring:
    """Opens the keyring.

    Raises:
        ArchiveError: there is no archive, or these keys do not open it.
    """
    sealed = _read(folder)
    try:
        document = json.loads(open_bytes(sealed, keys, context=_CONTEXT))
        keyring = Keyring(
            tuple(bytes.fromhex(key) for key in document["wrap_keys"]),
            tuple(bytes.fromhex(key) for key in document["index_keys"]),
            bytes.fromhex(document["digest_key"]),
            bytes.fromhex(document["identifier_key"]),
        )
    except (EnvelopeError, ValueError, KeyError, TypeError):
        raise ArchiveError(
            "this key does not open the archive",
            hint="ask somebody who can to run `safelight vault rewrap` with your public key",
        ) from None
    return keyring


def keyring_stamp(folder: Path) -> bytes:
    """Tells whether the keyring has been replaced since.

    Raises:
        ArchiveError: it cannot be read.
    """
    return hashlib.sha256(_read(folder)).digest()


def keyring_recipients(folder: Path) -> frozenset[str]:
    """Key ids of those who can open the keyring, in hex.

    Raises:
        ArchiveError: it cannot be read.
    """
    return frozenset(inspect_envelope(_read(folder)).key_ids)


def _read(folder: Path) -> bytes:
    try:
        with (folder / FILE_NAME).open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as exc:
        raise ArchiveError(
            f"{folder.name} is not an archive that can be read ({exc.strerror})",
            hint="make one: safelight vault init",
        ) from exc
