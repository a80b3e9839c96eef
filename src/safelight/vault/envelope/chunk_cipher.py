"""Chunks: the STREAM construction.

Each chunk is encrypted with its index and a flag that says whether it is the last. Chunks that
are reordered, repeated, dropped or moved from another envelope, and a cut after any chunk, fail.

**Source**: Hoang, Reyhanitabar, Rogaway, Vizár, "Online authenticated-encryption and its
nonce-reuse misuse-resistance" (Crypto 2015), section 7.
"""

from __future__ import annotations

from typing import Protocol

from safelight.vault.envelope.chunks_cbc_hmac import CbcHmacChunks
from safelight.vault.envelope.chunks_gcm import GcmChunks
from safelight.vault.envelope.key_schedule import EnvelopeKeys
from safelight.vault.envelope.suites import ChunkCipherName, Suite


class ChunkCipher(Protocol):
    """Encrypts and decrypts single chunks, from buffer to buffer.

    **Contract**: `open_into` writes nothing that it has not verified.
    """

    def sealed_bytes(self, plain_bytes: int) -> int:
        """Length of a sealed chunk."""

    def plain_bytes(self, sealed_bytes: int) -> int:
        """The most that a sealed chunk of this length may hold, or -1 if none is so short."""

    def seal_into(self, index: int, final: bool, plain: memoryview, out: memoryview) -> int:
        """Encrypts ``plain`` into the beginning of ``out``; gives the length."""

    def open_into(self, index: int, final: bool, sealed: memoryview, out: memoryview) -> int:
        """Decrypts ``sealed`` into the beginning of ``out``; gives the length.

        Raises:
            EnvelopeError: it is not that chunk of this envelope.
        """


def chunk_cipher(suite: Suite, keys: EnvelopeKeys) -> ChunkCipher:
    """The cipher of a suite."""
    if suite.cipher is ChunkCipherName.GCM:
        return GcmChunks(keys)
    return CbcHmacChunks(keys)
