"""RSA keys of 2048 to 4096 bits: OAEP with SHA-256.

**Source**: RFC 8017 section 7.1; NIST SP 800-56B rev. 2.
"""

from __future__ import annotations

import hashlib
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)

from safelight.errors import VaultKeyError
from safelight.vault.envelope.keys import key_id
from safelight.vault.envelope.refusal import refusal
from safelight.vault.envelope.suites import KeyKind

DEFAULT_RSA_BITS = 3072
"""128-bit security (NIST SP 800-57 part 1 rev. 5, table 2)."""

MIN_RSA_BITS, MAX_RSA_BITS = 2048, 4096
_PUBLIC_EXPONENT = 65537


def _oaep(bound: bytes) -> padding.OAEP:
    # the label ties the wrapped key to its header; a digest, for what it binds may be long
    label = hashlib.sha256(bound).digest()
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label)


def _check(numbers: rsa.RSAPublicNumbers, bits: int) -> None:
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS or bits % 8:
        raise VaultKeyError(
            f"RSA keys of {bits} bits are not taken",
            hint=f"use {MIN_RSA_BITS} to {MAX_RSA_BITS} bits",
        )
    if numbers.e != _PUBLIC_EXPONENT:
        raise VaultKeyError("the RSA key's public exponent is not 65537")


class RsaPublicKey:
    """A recipient of the RSA suites.

    Args:
        data: SubjectPublicKeyInfo, DER.

    Raises:
        VaultKeyError: not an RSA key, or of a size that we do not take.
    """

    kind = KeyKind.RSA

    def __init__(self, data: bytes) -> None:
        try:
            key = load_der_public_key(data)
        except (ValueError, UnsupportedAlgorithm) as exc:
            raise VaultKeyError("the RSA public key is not valid") from exc
        if not isinstance(key, rsa.RSAPublicKey):
            raise VaultKeyError("the public key is not an RSA key")
        _check(key.public_numbers(), key.key_size)
        self._key = key
        # encoded anew, so that one key has one name
        self._data = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key_id = key_id(self.kind, self._data)
        self.wrapped_bytes = key.key_size // 8

    @property
    def bits(self) -> int:
        """Of the modulus."""
        return self._key.key_size

    def wrap(self, data_key: bytes, bound: bytes) -> bytes:
        """OAEP with a label over ``bound``."""
        return self._key.encrypt(data_key, _oaep(bound))

    def to_bytes(self) -> bytes:
        """DER."""
        return self._data


class RsaPrivateKey:
    """An opener of the RSA suites.

    Args:
        data: PKCS #8, DER, not encrypted.

    Raises:
        VaultKeyError: not an RSA key, or of a size that we do not take.

    **Security**: secret.
    """

    kind = KeyKind.RSA

    def __init__(self, data: bytes) -> None:
        try:
            key = load_der_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise VaultKeyError("the RSA private key is not valid") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise VaultKeyError("the private key is not an RSA key")
        _check(key.public_key().public_numbers(), key.key_size)
        self._key = key
        self._public = RsaPublicKey(
            key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
        self.key_id = self._public.key_id

    @classmethod
    def generate(cls, bits: int = DEFAULT_RSA_BITS) -> Self:
        """A fresh key, from the library's generator."""
        if bits not in (2048, 3072, 4096):
            raise VaultKeyError(f"no RSA keys of {bits} bits", hint="choose 2048, 3072 or 4096")
        key = rsa.generate_private_key(_PUBLIC_EXPONENT, bits)
        return cls(key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def public_key(self) -> RsaPublicKey:
        """Its other half."""
        return self._public

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """OAEP; whatever is wrong inside it gives the same error."""
        try:
            return self._key.decrypt(wrapped, _oaep(bound))
        except ValueError:
            raise refusal() from None

    def unsafe_private_bytes(self) -> bytes:
        """The secret, for a key file."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def __repr__(self) -> str:
        return f"RsaPrivateKey({self._public.bits} bits, {self.key_id.hex()})"
