"""How the methods without a service of their own protect what they carry, on both sides.

A channel turns a request's plain bytes into what travels and back, and the same for the answer.
`plaintext` and `obfuscated` carry bytes as they are; AES channels share a key beforehand (which is
why real systems wrap it: the RSA channel).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Protocol

from cryptography.hazmat.primitives import hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.padding import PKCS7

from safelight.vault.envelope.opening import open_bytes
from safelight.vault.envelope.rsa_key import RsaPrivateKey, RsaPublicKey
from safelight.vault.envelope.sealing import seal_bytes
from safelight.vault.envelope.suites import Suite

KEY_BYTES = 64
_IV, _NONCE, _TAG = 16, 12, 32
_BLOCK_BITS = 128
_SUITES = {Suite.RSA_GCM}


class Channel(Protocol):
    """One method's protection of bytes; clinic and service hold one each."""

    def protect(self, plain: bytes) -> bytes:
        """What travels."""

    def reveal(self, carried: bytes) -> bytes:
        """What was protected; raises where it was changed."""


class Open:
    """Nothing is hidden."""

    def protect(self, plain: bytes) -> bytes:
        """As it is."""
        return plain

    def reveal(self, carried: bytes) -> bytes:
        """As it is."""
        return carried


class AesGcm:
    """AES-256-GCM under a shared key, a fresh nonce each."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key[:32])

    def protect(self, plain: bytes) -> bytes:
        """Nonce and ciphertext."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, plain, None)

    def reveal(self, carried: bytes) -> bytes:
        """Verified."""
        return self._cipher.decrypt(carried[:_NONCE], carried[_NONCE:], None)


class AesCbc:
    """AES-256-CBC with a fresh IV each, then HMAC-SHA-256 over both: CBC alone can be altered."""

    def __init__(self, key: bytes) -> None:
        self._cipher, self._mac = algorithms.AES256(key[:32]), key[32:]

    def _tag(self, data: bytes) -> hmac.HMAC:
        mac = hmac.HMAC(self._mac, SHA256())
        mac.update(data)
        return mac

    def protect(self, plain: bytes) -> bytes:
        """IV, ciphertext, tag."""
        iv, padder = os.urandom(_IV), PKCS7(_BLOCK_BITS).padder()
        encryptor = Cipher(self._cipher, modes.CBC(iv)).encryptor()
        body = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
        return iv + body + self._tag(iv + body).finalize()

    def reveal(self, carried: bytes) -> bytes:
        """Verified before it is deciphered."""
        body, tag = carried[:-_TAG], carried[-_TAG:]
        self._tag(body).verify(tag)
        decryptor = Cipher(self._cipher, modes.CBC(body[:_IV])).decryptor()
        unpadder = PKCS7(_BLOCK_BITS).unpadder()
        padded = decryptor.update(body[_IV:]) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()


class AesRsa:
    """Each message sealed to the other's RSA key: a fresh AES-256-GCM key, wrapped with OAEP.

    Args:
        own: Opens what comes.
        other: DER of the other's public key.
    """

    def __init__(self, own: RsaPrivateKey, other: bytes) -> None:
        self._own, self._other = own, RsaPublicKey(other)

    def protect(self, plain: bytes) -> bytes:
        """An envelope of the suite rsa-oaep-sha256+aes-256-gcm."""
        return seal_bytes(plain, [self._other], suite=Suite.RSA_GCM)

    def reveal(self, carried: bytes) -> bytes:
        """Verified."""
        return open_bytes(carried, [self._own], accept=_SUITES)


SYMMETRIC: dict[str, Callable[[bytes], Channel]] = {"aes-256-cbc": AesCbc, "aes-256-gcm": AesGcm}
