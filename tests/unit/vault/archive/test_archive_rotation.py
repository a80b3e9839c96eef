"""New keys and other people; the images are not encrypted anew."""

from __future__ import annotations

from pathlib import Path

import pytest
from archive_samples import ALICE, BOB, OPTIONS, image, new_archive

from safelight.errors import ArchiveError
from safelight.vault.archive import Archive, open_archive, rewrap_archive, rotation, verify_archive


def sealed(archive: Archive) -> dict[str, bytes]:
    """All objects, as stored."""
    return {name: archive.store.read(name) for name in archive.store.names()}


def test_rewrap(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        for number in range(3):
            archive.put(image(number), OPTIONS)
        before, keyring = sealed(archive), archive.keyring
        fingerprint = keyring.fingerprint
        assert rewrap_archive(archive, [ALICE], [ALICE.public_key, BOB.public_key]) == 3
        after = sealed(archive)
        assert archive.keyring.fingerprint == fingerprint
        assert not set(archive.keyring.wrap_keys) & set(keyring.wrap_keys)
        assert not set(archive.keyring.index_keys) & set(keyring.index_keys)
        assert len(archive.keyring.wrap_keys) == 1
    for name, data in before.items():
        # prefix and chunks are the same; recipients and HMAC are not
        assert after[name][:25] == data[:25]
        assert after[name][123:] == data[123:]
        assert after[name][25:123] != data[25:123]
    with open_archive(tmp_path / "a", [BOB]) as archive:
        assert verify_archive(archive).checked == 3
        rewrap_archive(archive, [BOB], [BOB.public_key])
    with pytest.raises(ArchiveError, match="does not open"):
        open_archive(tmp_path / "a", [ALICE])


def test_nobody_locks_themselves_out(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        before = (tmp_path / "a/keyring.slev").read_bytes()
        with pytest.raises(ArchiveError, match="lock yourself out"):
            rewrap_archive(archive, [ALICE], [BOB.public_key])
    assert (tmp_path / "a/keyring.slev").read_bytes() == before


def test_a_rotation_that_was_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_archive(tmp_path / "a") as archive:
        for number in range(4):
            archive.put(image(number), OPTIONS)
        whole, done = rotation._rewrap_object, []

        def fails_at_the_third(archive: Archive, object_id: bytes) -> bool:
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(object_id)
            return whole(archive, object_id)

        monkeypatch.setattr(rotation, "_rewrap_object", fails_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            rewrap_archive(archive, [ALICE], [ALICE.public_key])
        monkeypatch.setattr(rotation, "_rewrap_object", whole)
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        assert verify_archive(archive).failed == ()
        keyring = archive.keyring
        assert len(keyring.wrap_keys) == 2
        archive.put(image(9), OPTIONS)
        assert rewrap_archive(archive, [ALICE], [ALICE.public_key]) == 2
        assert archive.keyring.wrap_keys == keyring.wrap_keys[:1]
        assert verify_archive(archive).checked == 5


def test_a_writer_with_old_keys_is_stopped(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as old:
        with open_archive(tmp_path / "a", [ALICE]) as archive:
            rewrap_archive(archive, [ALICE], [ALICE.public_key])
        with pytest.raises(ArchiveError, match="keys were changed"):
            old.put(image(1), OPTIONS)
        with pytest.raises(ArchiveError, match="keys were changed"):
            rewrap_archive(old, [ALICE], [ALICE.public_key])
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        assert archive.put(image(1), OPTIONS).is_new


def test_who_saw_the_keys_of_a_cut_off_rotation_does_not_keep_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bob was still among the recipients of the first attempt, and is not of the second."""

    def interrupted(archive: Archive, object_id: bytes) -> bool:
        raise KeyboardInterrupt

    with new_archive(tmp_path / "a") as archive:
        archive.put(image(1), OPTIONS)
        with monkeypatch.context() as patch:
            patch.setattr(rotation, "_rewrap_object", interrupted)
            with pytest.raises(KeyboardInterrupt):
                rewrap_archive(archive, [ALICE], [ALICE.public_key, BOB.public_key])
    with open_archive(tmp_path / "a", [BOB]) as archive:
        known_to_bob = set(archive.keyring.wrap_keys + archive.keyring.index_keys)
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        assert rewrap_archive(archive, [ALICE], [ALICE.public_key]) == 1
        assert not known_to_bob & set(archive.keyring.wrap_keys + archive.keyring.index_keys)
        assert verify_archive(archive).checked == 1
