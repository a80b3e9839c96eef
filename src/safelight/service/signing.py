"""The service's Ed25519 key: what makes it answerable for its results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.errors import SafelightError
from safelight.service.durable_files import move_durably, write_durably

_FILE_NAME = "service-key"
_KEY_BYTES = 32


@dataclass(frozen=True)
class Signer:
    """A signing key and its public half.

    **Security**: it signs results; it opens nothing.
    """

    private_key: Ed25519PrivateKey

    @property
    def public_key(self) -> bytes:
        """32 bytes, for clients to pin."""
        return self.private_key.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"Signer(public_key={self.public_key.hex()})"


def load_signer(data: Path) -> Signer:
    """The key of a data folder, made at the first start, mode 0600.

    Raises:
        SafelightError: The file is damaged; a new key would look like an impostor to clients.
    """
    path = data / _FILE_NAME
    if not path.exists():
        fresh = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.Raw,
            serialization.PrivateFormat.Raw,
            serialization.NoEncryption(),
        )
        unfinished = data / "incoming" / _FILE_NAME
        unfinished.unlink(missing_ok=True)
        write_durably(unfinished, fresh)
        move_durably(unfinished, path)
    content = path.read_bytes()
    if len(content) != _KEY_BYTES:
        raise SafelightError(
            f"the service's signing key has {len(content)} bytes, not {_KEY_BYTES}",
            hint="restore it from a backup, or remove it: clients must then trust the new key",
        )
    return Signer(Ed25519PrivateKey.from_private_bytes(content))
