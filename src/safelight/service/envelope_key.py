"""The service's envelope key: what clients seal inputs to at the level `envelope`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from safelight.errors import SafelightError, VaultKeyError
from safelight.service.durable_files import move_durably, write_durably
from safelight.service.signing import Signer
from safelight.vault.envelope.hybrid_key import HybridPrivateKey
from safelight.wire.envelope_key import sign_envelope_key

_FILE_NAME = "envelope-key"


@dataclass(frozen=True)
class EnvelopeKey:
    """A key that opens requests, and the service's signature under its public half.

    **Security**: it opens every sealed request that was ever sent to it, also recorded ones.
    """

    private_key: HybridPrivateKey
    signature: bytes

    @property
    def public_bytes(self) -> bytes:
        """For clients, with the signature."""
        return self.private_key.public_key.to_bytes()

    @property
    def digest(self) -> bytes:
        """SHA-256 of the public key: what requests and results name."""
        return hashlib.sha256(self.public_bytes).digest()

    def __repr__(self) -> str:
        return f"EnvelopeKey({self.digest.hex()})"


def load_envelope_key(data: Path, signer: Signer) -> EnvelopeKey:
    """The key of a data folder, made when it is first needed, mode 0600.

    Raises:
        SafelightError: The file is damaged.
    """
    path = data / _FILE_NAME
    if not path.exists():
        unfinished = data / "incoming" / _FILE_NAME
        unfinished.unlink(missing_ok=True)
        write_durably(unfinished, HybridPrivateKey.generate().unsafe_private_bytes())
        move_durably(unfinished, path)
    try:
        key = HybridPrivateKey(path.read_bytes())
    except VaultKeyError as exc:
        raise SafelightError(
            "the service's envelope key is damaged",
            hint="restore it, or remove it: clients then seal to a new one",
        ) from exc
    return EnvelopeKey(key, sign_envelope_key(key.public_key.to_bytes(), signer.private_key))
