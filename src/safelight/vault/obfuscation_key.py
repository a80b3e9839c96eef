"""A client's obfuscation key: 32 bytes, and its file, encrypted under a passphrase.

Format (docs/vault-format.md): ``SLOK``, version u16, scrypt's cost as a power of two u16, key id
(16 bytes), salt (16), nonce (12), and AES-256-GCM of the key. The AES key comes from scrypt over
the passphrase; everything before the ciphertext is associated data.

**Security**: the key protects against a passing eye, not against who attacks the transformation
(`safelight.vault.obfuscation`). The file is protected like the files of real keys all the same:
who has the key has all that was ever obfuscated under it.
"""

from __future__ import annotations

import hmac
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from safelight.errors import VaultKeyError
from safelight.vault.envelope.whole_file import whole_file
from safelight.vault.obfuscation import DEFAULT_BLOCK, KEY_BYTES, Obfuscation, new_key
from safelight.wire.transformation import KEY_ID_BYTES, LOSSLESS, Transformation

_MAGIC, _VERSION = b"SLOK", 1
_HEAD = struct.Struct("<4sHH16s16s12s")
_TAG_BYTES = 16
# As for the other key files: RFC 7914 calls r = 8, p = 1 usual; n = 2^17 takes 128 MB.
_COST_LOG2, _MAX_COST_LOG2 = 17, 20
_SCRYPT_R, _SCRYPT_P = 8, 1
_KEY_ID_LABEL = b"safelight obfuscation key id v1\0"


@dataclass(frozen=True, repr=False)
class ObfuscationKey:
    """One client's key.

    Args:
        secret: 32 bytes.
    """

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise VaultKeyError(f"an obfuscation key has {KEY_BYTES} bytes, not {len(self.secret)}")

    def __repr__(self) -> str:
        return f"ObfuscationKey({self.key_id.hex()})"

    @classmethod
    def generate(cls) -> ObfuscationKey:
        """A fresh key."""
        return cls(new_key())

    @property
    def key_id(self) -> bytes:
        """16 bytes that name the key: HMAC-SHA-256 of a label under it."""
        return hmac.digest(self.secret, _KEY_ID_LABEL, "sha256")[:KEY_ID_BYTES]

    def transformation(
        self, *, block: int = DEFAULT_BLOCK, jpeg2000_ratio: int = LOSSLESS
    ) -> Transformation:
        """What others may know of images under this key."""
        return Transformation(self.key_id, block, jpeg2000_ratio)

    def obfuscation(self, shape: tuple[int, ...], block: int) -> Obfuscation:
        """The transformation of images of a shape.

        Raises:
            InputError: Blocks do not tile them.
        """
        return Obfuscation.from_key(self.secret, shape, block=block)


def save_obfuscation_key(key: ObfuscationKey, path: Path, passphrase: str) -> None:
    """Writes a key, whole or not at all, with mode 0600; never over another file.

    Raises:
        VaultKeyError: The passphrase is empty.
        VaultError: The file exists, or cannot be written.
    """
    if not passphrase:
        raise VaultKeyError("an empty passphrase protects nothing")
    salt, nonce = os.urandom(16), os.urandom(12)
    bound = _HEAD.pack(_MAGIC, _VERSION, _COST_LOG2, key.key_id, salt, nonce)
    sealed = AESGCM(_derive(passphrase, salt, _COST_LOG2)).encrypt(nonce, key.secret, bound)
    with whole_file(path) as file:
        file.write(bound + sealed)


def load_obfuscation_key(path: Path, passphrase: str) -> ObfuscationKey:
    """Reads a key.

    Raises:
        VaultKeyError: No obfuscation key file, damaged, or the wrong passphrase; the last two
            cannot be told apart.
    """
    data = _read(path)
    _, _, cost_log2, key_id, salt, nonce = _HEAD.unpack_from(data)
    bound, sealed = data[: _HEAD.size], data[_HEAD.size :]
    try:
        opened = AESGCM(_derive(passphrase, salt, cost_log2)).decrypt(nonce, sealed, bound)
    except InvalidTag:
        raise VaultKeyError("the passphrase is wrong, or the key file was changed") from None
    key = ObfuscationKey(opened)
    if key.key_id != key_id:
        raise VaultKeyError(f"{path.name} is damaged", hint="restore it from a copy")
    return key


def obfuscation_key_id(path: Path) -> bytes:
    """The key id in a file; needs no passphrase, and verifies nothing.

    Raises:
        VaultKeyError: No obfuscation key file.
    """
    return bytes(_HEAD.unpack_from(_read(path))[3])


def _read(path: Path) -> bytes:
    length = _HEAD.size + KEY_BYTES + _TAG_BYTES
    try:
        with path.open("rb") as file:
            data = file.read(length + 1)
    except OSError as exc:
        raise VaultKeyError(f"{path.name} cannot be read ({exc.strerror})") from exc
    if len(data) != length or data[:4] != _MAGIC:
        raise VaultKeyError(
            f"{path.name} is not an obfuscation key",
            hint="make one: safelight vault obfuscation-key new FILE",
        )
    _, version, cost_log2, *_ = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise VaultKeyError(
            f"{path.name} is of version {version}, which this release does not read"
        )
    # a weaker cost would be a downgrade, a larger one a way to exhaust memory
    if not _COST_LOG2 <= cost_log2 <= _MAX_COST_LOG2:
        raise VaultKeyError(f"{path.name} asks for a key derivation outside our limits")
    return data


def _derive(passphrase: str, salt: bytes, cost_log2: int) -> bytes:
    scrypt = Scrypt(salt=salt, length=32, n=1 << cost_log2, r=_SCRYPT_R, p=_SCRYPT_P)
    return scrypt.derive(passphrase.encode("utf-8"))
