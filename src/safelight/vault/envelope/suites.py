"""The suites: which key wraps the data key, and which cipher encrypts the chunks.

A suite is one number in the header. Whoever opens says which suites to accept; there is no
negotiation and no fallback.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum


class KeyKind(StrEnum):
    """What wraps a data key."""

    HYBRID = "mlkem768-x25519"
    RSA = "rsa"
    ARCHIVE = "archive"


class ChunkCipherName(StrEnum):
    """What encrypts the chunks."""

    GCM = "aes-256-gcm"
    CBC_HMAC = "aes-256-cbc+hmac-sha256"


@dataclass(frozen=True)
class _Parts:
    number: int
    key_kind: KeyKind
    wrapping: str
    cipher: ChunkCipherName


class Suite(Enum):
    """One way to seal.

    `HYBRID_GCM` is the default: HPKE (RFC 9180) with ML-KEM-768 and X25519 together, so that it
    holds against a quantum computer, and if ML-KEM should fall, as long as X25519 stands. The RSA
    suites are for partners that have RSA keys, and `RSA_CBC_HMAC` for comparison with systems
    that use AES-CBC. `ARCHIVE_GCM` wraps data keys under a symmetric key; it is for the archive.
    """

    HYBRID_GCM = _Parts(1, KeyKind.HYBRID, "hpke-mlkem768-x25519", ChunkCipherName.GCM)
    RSA_GCM = _Parts(2, KeyKind.RSA, "rsa-oaep-sha256", ChunkCipherName.GCM)
    RSA_CBC_HMAC = _Parts(3, KeyKind.RSA, "rsa-oaep-sha256", ChunkCipherName.CBC_HMAC)
    ARCHIVE_GCM = _Parts(4, KeyKind.ARCHIVE, "archive-aes-256-gcm", ChunkCipherName.GCM)

    @property
    def number(self) -> int:
        """In the header."""
        return self.value.number

    @property
    def key_kind(self) -> KeyKind:
        """Of its recipients' keys."""
        return self.value.key_kind

    @property
    def cipher(self) -> ChunkCipherName:
        """Of its chunks."""
        return self.value.cipher

    @property
    def label(self) -> str:
        """For people and for the command line, such as ``rsa-oaep-sha256+aes-256-gcm``."""
        return f"{self.value.wrapping}+{self.value.cipher}"


DEFAULT_SUITE = Suite.HYBRID_GCM

# An opener who says nothing accepts the default suite alone: a sender cannot make it use RSA.
DEFAULT_ACCEPTED: frozenset[Suite] = frozenset({Suite.HYBRID_GCM})

SUITE_BY_NUMBER = {suite.number: suite for suite in Suite}
SUITE_BY_LABEL = {suite.label: suite for suite in Suite}
