"""Keys for tests: those of the vectors, so that no RSA key is made anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from safelight.vault.envelope import ArchiveKey, HybridPrivateKey, RsaPrivateKey, Suite

_STORED: dict[str, str] = json.loads(
    (Path(__file__).parents[3] / "vectors/vault/INSECURE_test_keys.json").read_text("ascii")
)


def _bytes(name: str) -> bytes:
    return bytes.fromhex(_STORED[name])


HYBRID = HybridPrivateKey(_bytes("hybrid-1"))
HYBRID_2 = HybridPrivateKey(_bytes("hybrid-2"))
RSA = RsaPrivateKey(_bytes("rsa-1"))
RSA_2 = RsaPrivateKey(_bytes("rsa-2"))
ARCHIVE = ArchiveKey(_bytes("archive-1"))
ARCHIVE_2 = ArchiveKey(_bytes("archive-2"))


class Pair(NamedTuple):
    """Who opens and who is sealed to."""

    private: Any
    public: Any


PAIRS = {
    Suite.HYBRID_GCM: Pair(HYBRID, HYBRID.public_key),
    Suite.RSA_GCM: Pair(RSA, RSA.public_key),
    Suite.RSA_CBC_HMAC: Pair(RSA, RSA.public_key),
    Suite.ARCHIVE_GCM: Pair(ARCHIVE, ARCHIVE),
}
OTHERS = {
    Suite.HYBRID_GCM: Pair(HYBRID_2, HYBRID_2.public_key),
    Suite.RSA_GCM: Pair(RSA_2, RSA_2.public_key),
    Suite.RSA_CBC_HMAC: Pair(RSA_2, RSA_2.public_key),
    Suite.ARCHIVE_GCM: Pair(ARCHIVE_2, ARCHIVE_2),
}
