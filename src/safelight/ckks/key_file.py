"""Secret keys on disk: encrypted under a passphrase, readable by their owner alone.

Format (docs/key-file.md): ``SLKF``, version u16, length u32 of a JSON header, the header, a
12-byte nonce, and AES-256-GCM of the secret's residues, bit for bit as little-endian 64-bit
words. The key comes from scrypt over the passphrase; everything before the ciphertext is bound
to it as associated data.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import unicodedata
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.errors import KeyFileError, ParameterError

_HEAD = struct.Struct("<4sHI")
_MAGIC, _VERSION = b"SLKF", 1
_NONCE_BYTES, _TAG_BYTES, _SALT_BYTES = 12, 16, 16
_MAX_HEADER_BYTES = 4096
_MAX_FILE_BYTES = 16 << 20  # N = 32768 with as many primes as the table allows takes 5 MB
# RFC 7914 calls r = 8, p = 1 usual; n = 2^17 takes 128 MB and about half a second.
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 1 << 17, 8, 1
_MAX_SCRYPT_N = 1 << 20


def _forms(passphrase: str) -> list[str]:
    """How a passphrase is tried.

    Files are written under its NFC form, since keyboards compose an é in different ways; one that
    was written before that may be under the passphrase as it was typed.
    """
    return list(dict.fromkeys([unicodedata.normalize("NFC", passphrase), passphrase]))


def _derive(passphrase: str, salt: bytes, cost: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=cost, r=_SCRYPT_R, p=_SCRYPT_P).derive(
        passphrase.encode("utf-8")
    )


def save_key_file(keys: SecretKeys, path: Path, passphrase: str, *, replace: bool = False) -> None:
    """Writes ``keys``, whole or not at all, with mode 0600.

    Raises:
        KeyFileError: The file exists and ``replace`` is false, or cannot be written, or the
            passphrase is empty.
    """
    if not passphrase:
        raise KeyFileError("an empty passphrase protects nothing")
    if path.exists() and not replace:
        raise KeyFileError(
            f"{path.name} exists already", hint="choose another name: a lost key is lost for good"
        )
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    header = json.dumps(
        {
            "n": keys.parameters.n,
            "primes": list(keys.parameters.primes),
            "epoch": keys.epoch.hex(),
            "kdf": {"name": "scrypt", "n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P},
            "salt": salt.hex(),
            "cipher": "AES-256-GCM",
        },
        sort_keys=True,
    ).encode("ascii")
    bound = _HEAD.pack(_MAGIC, _VERSION, len(header)) + header + nonce
    secret = np.ascontiguousarray(keys.unsafe_secret_residues(), dtype="<u8").tobytes()
    sealed = AESGCM(_derive(_forms(passphrase)[0], salt, _SCRYPT_N)).encrypt(nonce, secret, bound)
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(bound + sealed)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as exc:
        raise KeyFileError(f"{path.name} cannot be written ({exc.strerror})") from exc
    finally:
        # nothing is left of a write that failed or was interrupted
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def load_key_file(path: Path, passphrase: str) -> SecretKeys:
    """Reads a key file.

    Raises:
        KeyFileError: Not a key file, damaged, or the wrong passphrase; a wrong passphrase and a
            damaged secret cannot be told apart.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES)
    except OSError as exc:
        raise KeyFileError(f"{path.name} cannot be read ({exc.strerror})") from exc
    parameters, epoch, salt, cost, start = _read_header(data, path.name)
    count = len(parameters.primes) * parameters.n
    if len(data) != start + _NONCE_BYTES + 8 * count + _TAG_BYTES:
        raise KeyFileError(f"{path.name} is cut short or too long", hint="restore it from a copy")
    bound, sealed = data[: start + _NONCE_BYTES], data[start + _NONCE_BYTES :]
    for form in _forms(passphrase):
        with contextlib.suppress(InvalidTag):
            secret = AESGCM(_derive(form, salt, cost)).decrypt(bound[start:], sealed, bound)
            break
    else:
        raise KeyFileError(
            "the passphrase is wrong, or the key file was changed",
            hint="without the passphrase the key, and every result under it, is lost",
        )
    residues = np.frombuffer(secret, "<u8").astype(np.uint64).reshape(-1, parameters.n)
    return SecretKeys(parameters, residues, epoch)


def _read_header(data: bytes, name: str) -> tuple[Parameters, bytes, bytes, int, int]:
    """Parameters, epoch, salt, scrypt cost, and where the nonce starts."""
    foreign = KeyFileError(
        f"{name} is not a Safelight key file", hint="make one: safelight keys new"
    )
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise foreign
    _, version, length = _HEAD.unpack_from(data)
    if version != _VERSION:
        raise KeyFileError(f"{name} is of version {version}, which this release does not read")
    if length > _MAX_HEADER_BYTES or len(data) < _HEAD.size + length:
        raise KeyFileError(f"{name} is cut short or too long", hint="restore it from a copy")
    try:
        header = json.loads(data[_HEAD.size : _HEAD.size + length])
        parameters = Parameters(int(header["n"]), tuple(map(int, header["primes"])))
        epoch, salt = bytes.fromhex(header["epoch"]), bytes.fromhex(header["salt"])
        cost = int(header["kdf"]["n"])
        expected = (header["kdf"]["name"], header["kdf"]["r"], header["kdf"]["p"])
        if expected != ("scrypt", _SCRYPT_R, _SCRYPT_P) or header["cipher"] != "AES-256-GCM":
            raise foreign
    except (
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        RecursionError,
        ParameterError,
    ) as exc:
        raise KeyFileError(f"{name} has a damaged header", hint="restore it from a copy") from exc
    # a weaker cost would be a downgrade, a larger one a way to exhaust memory
    if not _SCRYPT_N <= cost <= _MAX_SCRYPT_N or cost & (cost - 1):
        raise KeyFileError(f"{name} asks for a scrypt cost outside our limits")
    return parameters, epoch, salt, cost, _HEAD.size + length
