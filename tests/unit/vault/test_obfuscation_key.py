"""Obfuscation keys: their files, their ids, and images under them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from safelight.errors import InputError, VaultError, VaultKeyError
from safelight.vault import obfuscation_key
from safelight.vault.obfuscated_input import obfuscated_images
from safelight.vault.obfuscation_key import (
    ObfuscationKey,
    load_obfuscation_key,
    obfuscation_key_id,
    save_obfuscation_key,
)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A derivation that takes no second."""
    monkeypatch.setattr(obfuscation_key, "_COST_LOG2", 4)


def test_a_key_comes_back_from_its_file(tmp_path: Path) -> None:
    key, path = ObfuscationKey.generate(), tmp_path / "key"
    save_obfuscation_key(key, path, "passphrase")
    assert load_obfuscation_key(path, "passphrase") == key
    assert obfuscation_key_id(path) == key.key_id
    assert path.stat().st_mode & 0o077 == 0
    assert key.secret not in path.read_bytes()
    assert key.secret.hex() not in repr(key)
    with pytest.raises(VaultError):
        save_obfuscation_key(key, path, "passphrase")
    with pytest.raises(VaultKeyError, match="empty"):
        save_obfuscation_key(key, tmp_path / "other", "")
    with pytest.raises(VaultKeyError, match="passphrase"):
        load_obfuscation_key(path, "wrong")


def test_the_id_is_that_of_the_format() -> None:
    # HMAC-SHA-256 of the label of docs/vault-format.md under 32 zero bytes
    import hashlib
    import hmac

    label = b"safelight obfuscation key id v1\0"
    wanted = hmac.new(bytes(32), label, hashlib.sha256).digest()[:16]
    assert ObfuscationKey(bytes(32)).key_id == wanted
    with pytest.raises(VaultKeyError):
        ObfuscationKey(bytes(16))


def test_changed_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    save_obfuscation_key(ObfuscationKey.generate(), path, "passphrase")
    content = path.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1
        path.write_bytes(changed)
        with pytest.raises(VaultKeyError):
            load_obfuscation_key(path, "passphrase")
    for other in (b"", content[:-1], content + b"x", b"SLVK" + content[4:]):
        path.write_bytes(other)
        with pytest.raises(VaultKeyError, match="not an obfuscation key"):
            load_obfuscation_key(path, "passphrase")
    with pytest.raises(VaultKeyError, match="cannot be read"):
        load_obfuscation_key(tmp_path / "none", "passphrase")


def test_images_under_a_key() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 28, 28)) / 255
    key = ObfuscationKey.generate()
    lossless = obfuscated_images(images, key, key.transformation())
    undone = key.obfuscation((28, 28), 4).undo(lossless)
    assert (undone == np.rint(255 * images[:, 0])).all()
    lossy = obfuscated_images(images, key, key.transformation(jpeg2000_ratio=8))
    assert (lossy != lossless).mean() > 0.5
    again = obfuscated_images(images, key, key.transformation(jpeg2000_ratio=8))
    assert (lossy == again).all()


def test_images_that_are_refused() -> None:
    key = ObfuscationKey.generate()
    images = np.zeros((1, 1, 8, 8))
    with pytest.raises(InputError, match="obfuscation key"):
        obfuscated_images(images, ObfuscationKey.generate(), key.transformation())
    for wrong in (images[:, 0], np.zeros((1, 3, 8, 8)), images - 1, images + np.nan,
                  np.zeros((1, 1, 9, 8))):  # fmt: skip
        with pytest.raises(InputError):
            obfuscated_images(wrong, key, key.transformation())
