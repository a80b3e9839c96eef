"""What every kind of key can do."""

from __future__ import annotations

import hashlib
from typing import Protocol

from safelight.vault.envelope.suites import KeyKind

DATA_KEY_BYTES = 32
KEY_ID_BYTES = 16


class PublicKey(Protocol):
    """A recipient.

    **Contract**: `wrap` gives `wrapped_bytes` bytes that only the private key turns back, and only
    with the same ``bound``.
    """

    @property
    def kind(self) -> KeyKind:
        """Which suites take it."""

    @property
    def key_id(self) -> bytes:
        """Its name in headers: `KEY_ID_BYTES` bytes, no secret."""

    @property
    def wrapped_bytes(self) -> int:
        """Length of a data key wrapped for it."""

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        """Encrypts a data key to it."""

    def to_bytes(self) -> bytes:
        """As in a key file."""


class PrivateKey(Protocol):
    """An opener.

    **Contract**: `unwrap` raises `EnvelopeError` for anything that was not wrapped for it with the
    same ``bound``.
    """

    @property
    def kind(self) -> KeyKind:
        """Which suites it opens."""

    @property
    def key_id(self) -> bytes:
        """That of its public key."""

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The data key.

        Raises:
            EnvelopeError: It was not wrapped for this key, or not with this ``bound``.
        """


def key_id(kind: KeyKind, public: bytes) -> bytes:
    """Name of a public key: a truncated SHA-256 over kind and bytes."""
    return hashlib.sha256(kind.encode() + b"\0" + public).digest()[:KEY_ID_BYTES]
