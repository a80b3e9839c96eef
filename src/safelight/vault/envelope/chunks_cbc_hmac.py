"""Chunks under AES-256-CBC with HMAC-SHA-256: encrypt, then authenticate.

    iv 16 bytes, fresh · ciphertext with PKCS #7 padding · hmac 32 bytes

The HMAC is over the chunk's place, IV and ciphertext, under a key of its own. It is verified
before anything is decrypted, so that padding tells nobody anything.

**Source**: NIST SP 800-38A; FIPS 198-1; RFC 5652 section 6.3.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hmac import HMAC

from safelight.vault.envelope.chunk_place import chunk_place
from safelight.vault.envelope.key_schedule import EnvelopeKeys
from safelight.vault.envelope.refusal import refusal

_BLOCK, _IV_BYTES, _HMAC_BYTES = 16, 16, 32


class CbcHmacChunks:
    """See `safelight.vault.envelope.chunk_cipher.ChunkCipher`."""

    def __init__(self, keys: EnvelopeKeys) -> None:
        self._key, self._bound = algorithms.AES256(keys.chunks), keys.bound
        self._hmac = HMAC(keys.chunk_hmac, hashes.SHA256())

    def sealed_bytes(self, plain_bytes: int) -> int:
        """IV, padding of 1 to 16 bytes, and HMAC included."""
        return _IV_BYTES + (plain_bytes // _BLOCK + 1) * _BLOCK + _HMAC_BYTES

    def plain_bytes(self, sealed_bytes: int) -> int:
        """Padding has a byte at least."""
        blocks = sealed_bytes - _IV_BYTES - _HMAC_BYTES
        return -1 if blocks < _BLOCK or blocks % _BLOCK else blocks - 1

    def seal_into(self, index: int, final: bool, plain: memoryview, out: memoryview) -> int:
        """IV, ciphertext, HMAC."""
        iv = os.urandom(_IV_BYTES)
        end = self.sealed_bytes(len(plain)) - _HMAC_BYTES
        out[:_IV_BYTES] = iv
        whole = len(plain) - len(plain) % _BLOCK
        padding = _BLOCK - (len(plain) - whole)
        encryptor = Cipher(self._key, modes.CBC(iv)).encryptor()
        # the library asks for 15 bytes of room beyond what it writes: HMAC and padding leave them
        start = _IV_BYTES + encryptor.update_into(plain[:whole], out[_IV_BYTES:])
        out[start:end] = encryptor.update(bytes(plain[whole:]) + bytes([padding]) * padding)
        out[end : end + _HMAC_BYTES] = self._authenticate(index, final, out[:end]).finalize()
        return end + _HMAC_BYTES

    def open_into(self, index: int, final: bool, sealed: memoryview, out: memoryview) -> int:
        """Verifies, then decrypts."""
        end = len(sealed) - _HMAC_BYTES
        try:
            self._authenticate(index, final, sealed[:end]).verify(bytes(sealed[end:]))
        except InvalidSignature:
            raise refusal() from None
        decryptor = Cipher(self._key, modes.CBC(bytes(sealed[:_IV_BYTES]))).decryptor()
        last = end - _BLOCK
        length = decryptor.update_into(sealed[_IV_BYTES:last], out)
        tail = decryptor.update(bytes(sealed[last:end]))
        # authentic, so this is what a sealer wrote; another implementation may still be wrong
        padding = tail[-1]
        if not 1 <= padding <= _BLOCK or tail[-padding:] != bytes([padding]) * padding:
            raise refusal()
        rest = tail[: _BLOCK - padding]
        out[length : length + len(rest)] = rest
        return length + len(rest)

    def _authenticate(self, index: int, final: bool, content: memoryview) -> HMAC:
        hmac = self._hmac.copy()
        hmac.update(chunk_place(self._bound, index, final))
        hmac.update(content)
        return hmac
