"""Chunks under AES-256-GCM.

The nonce is a derived prefix (7 bytes), the index (u32, big-endian as counters are) and the final
flag; index and flag are in the associated data as well.

**Source**: NIST SP 800-38D.
"""

from __future__ import annotations

import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from safelight.vault.envelope.chunk_place import chunk_place
from safelight.vault.envelope.key_schedule import EnvelopeKeys
from safelight.vault.envelope.refusal import refusal

_COUNTER = struct.Struct(">IB")
_TAG_BYTES = 16


class GcmChunks:
    """See `safelight.vault.envelope.chunk_cipher.ChunkCipher`."""

    def __init__(self, keys: EnvelopeKeys) -> None:
        self._cipher = AESGCM(keys.chunks)
        self._prefix, self._bound = keys.nonce_prefix, keys.bound

    def sealed_bytes(self, plain_bytes: int) -> int:
        """Tag included."""
        return plain_bytes + _TAG_BYTES

    def plain_bytes(self, sealed_bytes: int) -> int:
        """Without the tag."""
        return max(-1, sealed_bytes - _TAG_BYTES)

    def seal_into(self, index: int, final: bool, plain: memoryview, out: memoryview) -> int:
        """Ciphertext and tag."""
        length = len(plain) + _TAG_BYTES
        nonce = self._prefix + _COUNTER.pack(index, final)
        place = chunk_place(self._bound, index, final)
        return self._cipher.encrypt_into(nonce, plain, place, out[:length])

    def open_into(self, index: int, final: bool, sealed: memoryview, out: memoryview) -> int:
        """The library writes before it has verified, and clears on a wrong tag."""
        length = len(sealed) - _TAG_BYTES
        nonce = self._prefix + _COUNTER.pack(index, final)
        place = chunk_place(self._bound, index, final)
        try:
            return self._cipher.decrypt_into(nonce, sealed, place, out[:length])
        except InvalidTag:
            raise refusal() from None
