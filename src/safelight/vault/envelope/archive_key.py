"""The symmetric key of an archive: wraps the data keys of all its objects.

A hybrid recipient costs 1.2 kB an object; one under this key 66 bytes. The key itself is kept in
an envelope of the default suite, one for the whole archive.
"""

from __future__ import annotations

import os
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safelight.errors import VaultKeyError
from safelight.vault.envelope.key_schedule import hkdf
from safelight.vault.envelope.keys import DATA_KEY_BYTES, KEY_ID_BYTES
from safelight.vault.envelope.refusal import refusal
from safelight.vault.envelope.suites import KeyKind

_TAG_BYTES = 16
# Each object's header has a random nonce, and the key that wraps is derived from it: it is used
# once, so a fixed nonce is safe, and no birthday bound limits the number of objects.
_NONCE = bytes(12)


class ArchiveKey:
    """Recipient and opener in one.

    Args:
        data: 32 bytes.

    **Security**: secret.
    """

    kind = KeyKind.ARCHIVE
    wrapped_bytes = DATA_KEY_BYTES + _TAG_BYTES

    def __init__(self, data: bytes) -> None:
        if len(data) != 32:
            raise VaultKeyError(f"an archive key does not have {len(data)} bytes")
        self._data = bytes(data)
        self.key_id = hkdf(self._data, b"safelight archive key id", KEY_ID_BYTES)

    @classmethod
    def generate(cls) -> Self:
        """A fresh key."""
        return cls(os.urandom(32))

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        """AES-256-GCM under a key that is derived from ``bound``.

        **Contract**: ``bound`` has the fresh nonce of a header, and one data key goes with it.
        """
        return self._cipher(bound).encrypt(_NONCE, data_key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The data key."""
        try:
            return self._cipher(bound).decrypt(_NONCE, wrapped, bound)
        except InvalidTag:
            raise refusal() from None

    def unsafe_private_bytes(self) -> bytes:
        """The secret, for the archive's keyring."""
        return self._data

    def to_bytes(self) -> bytes:
        """There is no public half to give away."""
        raise VaultKeyError("an archive key is not given to others")

    def _cipher(self, bound: bytes) -> AESGCM:
        return AESGCM(hkdf(self._data, b"safelight archive wrap" + bound, 32))

    def __repr__(self) -> str:
        return f"ArchiveKey({self.key_id.hex()})"
