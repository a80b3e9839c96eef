"""Key files: opened by their passphrase only, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from safelight.ckks import key_file
from safelight.ckks.key_file import load_key_file, save_key_file
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.errors import KeyFileError

PARAMETERS = Parameters.from_bits(4096, [36, 33, 37])
PASSPHRASE = "correct horse battery stäple"
HEADER_START = 10


@pytest.fixture(scope="module")
def keys() -> SecretKeys:
    return SecretKeys.generate(PARAMETERS)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scrypt that takes a millisecond; one test below keeps the real cost."""
    monkeypatch.setattr(key_file, "_SCRYPT_N", 2)


@pytest.fixture
def path(tmp_path: Path, keys: SecretKeys, cheap: None) -> Path:
    path = tmp_path / "clinic.key"
    save_key_file(keys, path, PASSPHRASE)
    return path


def with_header(data: bytes, change: Callable[[dict[str, object]], object]) -> bytes:
    """The file with a changed header of the right length."""
    length = int.from_bytes(data[6:10], "little")
    header = json.loads(data[HEADER_START : HEADER_START + length])
    changed = change(header)
    text = changed if isinstance(changed, bytes) else json.dumps(header, sort_keys=True).encode()
    return data[:6] + len(text).to_bytes(4, "little") + text + data[HEADER_START + length :]


def test_real_cost_round_trip(tmp_path: Path, keys: SecretKeys) -> None:
    path = tmp_path / "new folder" / "clinic.key"
    save_key_file(keys, path, PASSPHRASE)
    header = json.loads(path.read_bytes()[HEADER_START:].split(b"}, ")[0] + b"}}")
    assert header["kdf"] == {"name": "scrypt", "n": 1 << 17, "r": 8, "p": 1}
    again = load_key_file(path, PASSPHRASE)
    assert again.parameters == keys.parameters
    assert again.epoch == keys.epoch
    assert (again.unsafe_secret_residues() == keys.unsafe_secret_residues()).all()
    values = again.decrypt(keys.encrypt([0.5, -2.0], scale=2.0**26))
    np.testing.assert_allclose(values[:2], [0.5, -2.0], atol=1e-3)


def test_nothing_of_the_secret_is_in_the_file(path: Path, keys: SecretKeys) -> None:
    data = path.read_bytes()
    for row in keys.unsafe_secret_residues():
        words = row.astype("<u8").tobytes()
        assert not any(words[at : at + 16] in data for at in range(0, 512, 8))


def test_fresh_salt_and_nonce_each_time(path: Path, keys: SecretKeys) -> None:
    other = path.with_name("other.key")
    save_key_file(keys, other, PASSPHRASE)
    assert path.read_bytes()[-500:] != other.read_bytes()[-500:]


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_for_its_owner_alone(path: Path, keys: SecretKeys) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    save_key_file(keys, path, PASSPHRASE, replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("wrong", ["", " ", PASSPHRASE + " ", PASSPHRASE.upper(), "x" * 10_000])
def test_wrong_passphrase(path: Path, wrong: str) -> None:
    with pytest.raises(KeyFileError, match="passphrase is wrong, or the key file was changed"):
        load_key_file(path, wrong)


def test_every_changed_byte_is_noticed(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    body = HEADER_START + int.from_bytes(data[6:10], "little")
    generator = np.random.default_rng(3)
    places = [*range(body + 12), *generator.integers(body + 12, len(data), 60), len(data) - 1]
    damaged = tmp_path / "damaged.key"
    for place in map(int, places):
        for flip in (0x01, 0x80):
            changed = bytearray(data)
            changed[place] ^= flip
            damaged.write_bytes(changed)
            with pytest.raises(KeyFileError):
                load_key_file(damaged, PASSPHRASE)


def test_cut_short_or_too_long(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    damaged = tmp_path / "damaged.key"
    for length in (0, 1, 3, 4, 9, 10, 50, 400, 2000, len(data) // 2, len(data) - 1):
        damaged.write_bytes(data[:length])
        with pytest.raises(KeyFileError):
            load_key_file(damaged, PASSPHRASE)
    damaged.write_bytes(data + b"\0")
    with pytest.raises(KeyFileError, match="cut short or too long"):
        load_key_file(damaged, PASSPHRASE)


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n", b"-----BEGIN PRIVATE KEY-----", bytes(5000), b"slkf" * 100]
)
def test_foreign_files(tmp_path: Path, content: bytes) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(content)
    with pytest.raises(KeyFileError, match="not a Safelight key file"):
        load_key_file(foreign, PASSPHRASE)


HOSTILE_HEADERS: list[Callable[[dict[str, object]], object]] = [
    lambda h: b"[]",
    lambda h: b"null",
    lambda h: b'"n"',
    lambda h: b"[" * 4000,
    lambda h: b"\xff\xfe{}",
    lambda h: h.update(n=1e999),
    lambda h: h.update(n=2048),
    lambda h: h.update(primes=[3, 5]),
    lambda h: h.update(primes=7),
    lambda h: h.update(salt="xx"),
    lambda h: h.update(cipher="none"),
    lambda h: h.update(kdf={"name": "scrypt", "n": 1, "r": 8, "p": 1}),
    lambda h: h.update(kdf={"name": "scrypt", "n": 1 << 40, "r": 8, "p": 1}),
    lambda h: h.update(kdf={"name": "scrypt", "n": 3000, "r": 8, "p": 1}),
    lambda h: h.update(kdf={"name": "scrypt", "n": 1 << 17, "r": 1 << 20, "p": 1}),
    lambda h: h.update(kdf={"name": "none", "n": 1 << 17, "r": 8, "p": 1}),
    lambda h: h.pop("kdf"),
    lambda h: h.update(epoch="00" * 16),
]


@pytest.mark.parametrize("change", HOSTILE_HEADERS)
def test_hostile_headers(
    path: Path, tmp_path: Path, change: Callable[[dict[str, object]], object]
) -> None:
    damaged = tmp_path / "damaged.key"
    damaged.write_bytes(with_header(path.read_bytes(), change))
    with pytest.raises(KeyFileError) as caught:
        load_key_file(damaged, PASSPHRASE)
    assert PASSPHRASE not in str(caught.value)


def test_a_weaker_scrypt_is_a_downgrade(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_file, "_SCRYPT_N", 1 << 17)
    with pytest.raises(KeyFileError, match="scrypt cost outside our limits"):
        load_key_file(path, PASSPHRASE)


def test_an_existing_file_is_not_replaced(path: Path, keys: SecretKeys) -> None:
    before = path.read_bytes()
    with pytest.raises(KeyFileError, match="exists already"):
        save_key_file(keys, path, "another")
    assert path.read_bytes() == before
    save_key_file(keys, path, "another", replace=True)
    assert load_key_file(path, "another").epoch == keys.epoch


def test_an_empty_passphrase_is_refused(tmp_path: Path, keys: SecretKeys) -> None:
    with pytest.raises(KeyFileError, match="empty passphrase"):
        save_key_file(keys, tmp_path / "clinic.key", "")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("cheap")
@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, keys: SecretKeys, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def fail(_descriptor: int) -> None:
        raise failure

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(KeyFileError if isinstance(failure, OSError) else KeyboardInterrupt):
        save_key_file(keys, tmp_path / "clinic.key", PASSPHRASE)
    assert not list(tmp_path.iterdir())


def test_an_interrupted_replacement_keeps_the_old_file(
    path: Path, keys: SecretKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(KeyFileError, match="cannot be written"):
        save_key_file(keys, path, "another", replace=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["clinic.key"]


@pytest.mark.usefixtures("cheap")
def test_places_that_cannot_be_written_or_read(tmp_path: Path, keys: SecretKeys) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(KeyFileError, match="cannot be written"):
        save_key_file(keys, tmp_path / "file" / "clinic.key", PASSPHRASE)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_key_file(tmp_path / "missing.key", PASSPHRASE)
    with pytest.raises(KeyFileError, match="cannot be read"):
        load_key_file(tmp_path, PASSPHRASE)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="has no /dev/zero")
def test_a_file_without_end_is_not_read_to_its_end() -> None:
    with pytest.raises(KeyFileError, match="not a Safelight key file"):
        load_key_file(Path("/dev/zero"), PASSPHRASE)


def test_a_passphrase_is_the_same_however_its_letters_are_composed(
    tmp_path: Path, keys: SecretKeys, cheap: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed, decomposed = "caf\u00e9 au lait", "cafe\u0301 au lait"
    save_key_file(keys, tmp_path / "new.key", decomposed)
    for passphrase in (composed, decomposed):
        assert load_key_file(tmp_path / "new.key", passphrase).epoch == keys.epoch
    # a file from before, under the passphrase as it was typed
    monkeypatch.setattr(key_file, "_forms", lambda passphrase: [passphrase])
    save_key_file(keys, tmp_path / "old.key", decomposed)
    monkeypatch.undo()
    monkeypatch.setattr(key_file, "_SCRYPT_N", 2)
    assert load_key_file(tmp_path / "old.key", decomposed).epoch == keys.epoch
    with pytest.raises(KeyFileError, match="passphrase is wrong"):
        load_key_file(tmp_path / "old.key", composed)
