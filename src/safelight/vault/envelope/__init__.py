"""Envelopes: sealed bytes that only the holders of given keys can open.

`seal_bytes` and `open_bytes` work in memory, `seal_stream` on files of any length in constant
memory, `open_file` from file to file. Keys: `HybridPrivateKey` (the default), `RsaPrivateKey`.
The format is in docs/vault-format.md.
"""

from safelight.vault.envelope.archive_key import ArchiveKey
from safelight.vault.envelope.hybrid_key import HybridPrivateKey, HybridPublicKey
from safelight.vault.envelope.inspection import EnvelopeSummary, inspect_envelope
from safelight.vault.envelope.keys import PrivateKey, PublicKey
from safelight.vault.envelope.opening import open_bytes, open_file, open_stream_unverified
from safelight.vault.envelope.rewrapping import rewrap_file
from safelight.vault.envelope.rsa_key import RsaPrivateKey, RsaPublicKey
from safelight.vault.envelope.sealing import seal_bytes, seal_file, seal_stream
from safelight.vault.envelope.suites import DEFAULT_ACCEPTED, DEFAULT_SUITE, KeyKind, Suite

__all__ = [
    "DEFAULT_ACCEPTED",
    "DEFAULT_SUITE",
    "ArchiveKey",
    "EnvelopeSummary",
    "HybridPrivateKey",
    "HybridPublicKey",
    "KeyKind",
    "PrivateKey",
    "PublicKey",
    "RsaPrivateKey",
    "RsaPublicKey",
    "Suite",
    "inspect_envelope",
    "open_bytes",
    "open_file",
    "open_stream_unverified",
    "rewrap_file",
    "seal_bytes",
    "seal_file",
    "seal_stream",
]
