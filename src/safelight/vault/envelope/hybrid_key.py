"""Hybrid keys: ML-KEM-768 with X25519 (KEM 0x647a, "X-Wing") in HPKE.

**Source**: RFC 9180; draft-ietf-hpke-pq; FIPS 203; RFC 7748. All of it in `cryptography`.
"""

from __future__ import annotations

from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import Suite as HpkeSuite

from safelight.errors import VaultKeyError
from safelight.vault.envelope.keys import DATA_KEY_BYTES, key_id
from safelight.vault.envelope.refusal import refusal
from safelight.vault.envelope.suites import KeyKind

_HPKE = HpkeSuite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_PUBLIC_BYTES = 1184
_MLKEM_SEED_BYTES = 64
_X25519_BYTES = 32
_ENCAPSULATION_BYTES = 1088 + 32
_TAG_BYTES = 16


class HybridPublicKey:
    """A recipient of the default suite.

    Args:
        data: ML-KEM-768 encapsulation key (1184 bytes), X25519 public key (32).

    Raises:
        VaultKeyError: not such a key.
    """

    kind = KeyKind.HYBRID
    wrapped_bytes = _ENCAPSULATION_BYTES + DATA_KEY_BYTES + _TAG_BYTES

    def __init__(self, data: bytes) -> None:
        if len(data) != _MLKEM_PUBLIC_BYTES + _X25519_BYTES:
            raise VaultKeyError(f"a hybrid public key does not have {len(data)} bytes")
        try:
            self._key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(data[:_MLKEM_PUBLIC_BYTES]),
                X25519PublicKey.from_public_bytes(data[_MLKEM_PUBLIC_BYTES:]),
            )
        except ValueError as exc:
            raise VaultKeyError("the hybrid public key is not valid") from exc
        self._data = bytes(data)
        self.key_id = key_id(self.kind, self._data)

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        """HPKE single-shot encryption in base mode, with ``bound`` as its info."""
        return _HPKE.encrypt(data_key, self._key, info=bound)

    def to_bytes(self) -> bytes:
        """As given."""
        return self._data


class HybridPrivateKey:
    """An opener of the default suite.

    Args:
        data: ML-KEM-768 seed (64 bytes), X25519 private key (32).

    Raises:
        VaultKeyError: not such a key.

    **Security**: secret.
    """

    kind = KeyKind.HYBRID

    def __init__(self, data: bytes) -> None:
        if len(data) != _MLKEM_SEED_BYTES + _X25519_BYTES:
            raise VaultKeyError(f"a hybrid private key does not have {len(data)} bytes")
        mlkem = MLKEM768PrivateKey.from_seed_bytes(data[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(data[_MLKEM_SEED_BYTES:])
        self._key = MLKEM768X25519PrivateKey(mlkem, x25519)
        self._data = bytes(data)
        self._public = HybridPublicKey(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )
        self.key_id = self._public.key_id

    @classmethod
    def generate(cls) -> Self:
        """A fresh key, from the library's generators."""
        mlkem, x25519 = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
        return cls(mlkem.private_bytes_raw() + x25519.private_bytes_raw())

    @property
    def public_key(self) -> HybridPublicKey:
        """Its other half."""
        return self._public

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """HPKE single-shot decryption."""
        try:
            return _HPKE.decrypt(wrapped, self._key, info=bound)
        except (InvalidTag, ValueError):
            raise refusal() from None

    def unsafe_private_bytes(self) -> bytes:
        """The secret, for a key file."""
        return self._data

    def __repr__(self) -> str:
        return f"HybridPrivateKey({self.key_id.hex()})"
