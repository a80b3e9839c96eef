"""Private vault keys on disk: encrypted under a passphrase, readable by their owner alone.

Format (docs/vault-format.md): ``SLVK``, version u16, length u32 of a JSON header, the header, a
12-byte nonce, and AES-256-GCM of the private key. The key comes from scrypt over the passphrase;
everything before the ciphertext is associated data. The header holds the public key, so that
what a file is for shows without the passphrase.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from safelight.errors import VaultKeyError
from safelight.vault.envelope.hybrid_key import HybridPrivateKey, HybridPublicKey
from safelight.vault.envelope.rsa_key import RsaPrivateKey, RsaPublicKey
from safelight.vault.envelope.suites import KeyKind
from safelight.vault.envelope.whole_file import whole_file

GivenPublicKey = HybridPublicKey | RsaPublicKey
OwnPrivateKey = HybridPrivateKey | RsaPrivateKey

_HEAD = struct.Struct("<4sHI")
_MAGIC, _VERSION = b"SLVK", 1
_NONCE_BYTES, _TAG_BYTES, _SALT_BYTES = 12, 16, 16
_MAX_HEADER_BYTES = 8192
_MAX_FILE_BYTES = 1 << 16
# RFC 7914 calls r = 8, p = 1 usual; n = 2^17 takes 128 MB and about half a second.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 17, 8, 1
_MAX_SCRYPT_N = 1 << 20

_PRIVATE: dict[KeyKind, type[HybridPrivateKey] | type[RsaPrivateKey]] = {
    KeyKind.HYBRID: HybridPrivateKey,
    KeyKind.RSA: RsaPrivateKey,
}
_PUBLIC: dict[KeyKind, type[HybridPublicKey] | type[RsaPublicKey]] = {
    KeyKind.HYBRID: HybridPublicKey,
    KeyKind.RSA: RsaPublicKey,
}


@dataclass(frozen=True)
class _Parsed:
    public: GivenPublicKey
    salt: bytes
    cost: int
    start: int


def save_private_key(
    key: OwnPrivateKey, path: Path, passphrase: str, *, replace: bool = False
) -> None:
    """Writes a private key, whole or not at all, with mode 0600.

    Raises:
        VaultKeyError: the passphrase is empty.
        VaultError: the file exists and ``replace`` is false, or cannot be written.
    """
    if not passphrase:
        raise VaultKeyError("an empty passphrase protects nothing")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    header = json.dumps(
        {
            "kind": str(key.kind),
            "public": base64.b64encode(key.public_key.to_bytes()).decode("ascii"),
            "kdf": {"name": "scrypt", "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P},
            "salt": salt.hex(),
            "cipher": "AES-256-GCM",
        },
        sort_keys=True,
    ).encode("ascii")
    bound = _HEAD.pack(_MAGIC, _VERSION, len(header)) + header + nonce
    cipher = AESGCM(_derive(passphrase, salt, _SCRYPT_N))
    with whole_file(path, replace=replace) as file:
        file.write(bound + cipher.encrypt(nonce, key.unsafe_private_bytes(), bound))


def load_private_key(path: Path, passphrase: str) -> OwnPrivateKey:
    """Reads a private key.

    Raises:
        VaultKeyError: not a vault key file, damaged, or the wrong passphrase; a wrong passphrase
            and a damaged secret cannot be told apart.
    """
    data = _read(path)
    parsed = _parse(data, path.name)
    bound, sealed = data[: parsed.start + _NONCE_BYTES], data[parsed.start + _NONCE_BYTES :]
    if len(sealed) <= _TAG_BYTES:
        raise _damaged(path.name)
    try:
        cipher = AESGCM(_derive(passphrase, parsed.salt, parsed.cost))
        private = cipher.decrypt(bound[parsed.start :], sealed, bound)
    except InvalidTag:
        raise VaultKeyError(
            "the passphrase is wrong, or the key file was changed",
            hint="without the passphrase the key, and all that only it opens, is lost",
        ) from None
    key = _PRIVATE[parsed.public.kind](private)
    if key.key_id != parsed.public.key_id:
        raise _damaged(path.name)
    return key


def load_public_key_of(path: Path) -> GivenPublicKey:
    """The public key in a private key file; needs no passphrase, and verifies nothing."""
    return _parse(_read(path), path.name).public


def is_private_key_file(path: Path) -> bool:
    """Whether a file begins like a private key file."""
    return _read(path)[:4] == _MAGIC


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    scrypt = Scrypt(salt=salt, length=32, n=cost, r=_SCRYPT_R, p=_SCRYPT_P)
    return scrypt.derive(passphrase.encode("utf-8"))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE_BYTES)
    except OSError as exc:
        raise VaultKeyError(f"{path.name} cannot be read ({exc.strerror})") from exc


def _damaged(name: str) -> VaultKeyError:
    return VaultKeyError(f"{name} is damaged", hint="restore it from a copy")


def _parse(data: bytes, name: str) -> _Parsed:
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise VaultKeyError(
            f"{name} is not a private vault key", hint="make one: safelight vault keys new"
        )
    _, version, length = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise VaultKeyError(f"{name} is of version {version}, which this release does not read")
    if length > _MAX_HEADER_BYTES or len(data) < _HEAD.size + length:
        raise _damaged(name)
    try:
        header = json.loads(data[_HEAD.size : _HEAD.size + length])
        public = _PUBLIC[KeyKind(header["kind"])](base64.b64decode(header["public"], validate=True))
        salt, kdf = bytes.fromhex(header["salt"]), header["kdf"]
        cost = int(kdf["n"])
        expected = (kdf["name"], kdf["r"], kdf["p"], header["cipher"])
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error, VaultKeyError) as exc:
        raise _damaged(name) from exc
    # a weaker cost would be a downgrade, a larger one a way to exhaust memory
    if (
        expected != ("scrypt", _SCRYPT_R, _SCRYPT_P, "AES-256-GCM")
        or not _SCRYPT_N <= cost <= _MAX_SCRYPT_N
        or cost & (cost - 1)
    ):
        raise VaultKeyError(f"{name} asks for a key derivation outside our limits")
    return _Parsed(public, salt, cost, _HEAD.size + length)
