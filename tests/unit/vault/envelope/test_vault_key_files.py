"""Key files: what they refuse, and that the passphrase is what opens them."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from envelope_keys import HYBRID, RSA

from safelight.errors import VaultError, VaultKeyError
from safelight.vault.envelope import HybridPublicKey, RsaPrivateKey, RsaPublicKey, key_file
from safelight.vault.envelope.key_file import (
    load_private_key,
    load_public_key_of,
    save_private_key,
)
from safelight.vault.envelope.public_key_file import load_public_key, save_public_key


@pytest.fixture(autouse=True)
def _cheap_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "_SCRYPT_N", 1 << 4)


@pytest.mark.parametrize("key", [HYBRID, RSA], ids=["hybrid", "rsa"])
def test_round_trip(tmp_path: Path, key: key_file.OwnPrivateKey) -> None:
    path = tmp_path / "key"
    save_private_key(key, path, "correct horse")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_private_key(path, "correct horse").unsafe_private_bytes() == (
        key.unsafe_private_bytes()
    )
    assert load_public_key_of(path).key_id == key.key_id
    assert key.unsafe_private_bytes() not in path.read_bytes()
    with pytest.raises(VaultKeyError, match="passphrase is wrong"):
        load_private_key(path, "correct horse ")
    with pytest.raises(VaultError, match="exists already"):
        save_private_key(key, path, "other")
    save_public_key(key.public_key, tmp_path / "key.pub")
    assert load_public_key(tmp_path / "key.pub").to_bytes() == key.public_key.to_bytes()


def test_empty_passphrase(tmp_path: Path) -> None:
    with pytest.raises(VaultKeyError, match="protects nothing"):
        save_private_key(HYBRID, tmp_path / "key", "")


def test_every_byte_of_a_key_file_counts(tmp_path: Path) -> None:
    path = tmp_path / "key"
    save_private_key(HYBRID, path, "secret")
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(VaultKeyError):
            load_private_key(path, "secret")
    for length in (0, 3, 9, 100, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(VaultKeyError):
            load_private_key(path, "secret")


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h["kdf"].update(n=1 << 3),
        lambda h: h["kdf"].update(n=1 << 40),
        lambda h: h["kdf"].update(n=(1 << 17) + 2),
        lambda h: h["kdf"].update(r=1),
        lambda h: h.update(kind="archive"),
        lambda h: h.update(public="%%%"),
        lambda h: h.update(salt="x"),
        lambda h: h.clear(),
    ],
)
def test_headers_that_are_refused(
    tmp_path: Path, change: Callable[[dict[str, object]], None]
) -> None:
    path = tmp_path / "key"
    save_private_key(HYBRID, path, "secret")
    data = path.read_bytes()
    length = struct.unpack_from("<I", data, 6)[0]
    header = json.loads(data[10 : 10 + length])
    change(header)
    fresh = json.dumps(header).encode()
    path.write_bytes(data[:6] + struct.pack("<I", len(fresh)) + fresh + data[10 + length :])
    with pytest.raises(VaultKeyError) as caught:
        load_private_key(path, "secret")
    assert "passphrase" not in caught.value.message


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"format": "safelight-vault-public-key"}', "\x00", "9" * 20_000]
)
def test_foreign_public_key_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "key.pub").write_text(text)
    with pytest.raises(VaultKeyError, match="not a public vault key"):
        load_public_key(tmp_path / "key.pub")


def test_a_public_key_file_with_another_key(tmp_path: Path) -> None:
    path = tmp_path / "key.pub"
    save_public_key(HYBRID.public_key, path)
    document = json.loads(path.read_text())
    document["key_id"] = RSA.key_id.hex()
    path.write_text(json.dumps(document))
    with pytest.raises(VaultKeyError):
        load_public_key(path)


def test_keys_that_are_refused() -> None:
    small = rsa.generate_private_key(65537, 1024)
    der = small.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(VaultKeyError, match="1024 bits"):
        RsaPrivateKey(der)
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    spki = curve.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(VaultKeyError, match="not an RSA key"):
        RsaPublicKey(spki)
    with pytest.raises(VaultKeyError):
        RsaPublicKey(b"nonsense")
    with pytest.raises(VaultKeyError, match="12 bytes"):
        HybridPublicKey(bytes(12))
    with pytest.raises(VaultKeyError, match="512 bits"):
        RsaPrivateKey.generate(512)
