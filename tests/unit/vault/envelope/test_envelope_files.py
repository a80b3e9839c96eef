"""Files: whole or not there, and nothing in clear is left behind."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from envelope_keys import ARCHIVE, ARCHIVE_2, HYBRID, HYBRID_2

from safelight.errors import EnvelopeError, VaultError
from safelight.vault.envelope import Suite, open_bytes, open_file, rewrap_file, seal_file


def names(folder: Path) -> set[str]:
    """Everything in a folder."""
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A file of three chunks and a bit."""
    path = tmp_path / "plain"
    path.write_bytes(os.urandom((3 << 18) + 5))
    return path


def test_seal_and_open(tmp_path: Path, plain: Path) -> None:
    seal_file(plain, tmp_path / "sealed", [HYBRID.public_key])
    open_file(tmp_path / "sealed", tmp_path / "opened", [HYBRID])
    assert (tmp_path / "opened").read_bytes() == plain.read_bytes()
    assert (tmp_path / "sealed").stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == {"plain", "sealed", "opened"}


@pytest.mark.parametrize("cut", [1, 16, 1 << 18, (1 << 18) + 16])
def test_a_cut_envelope_leaves_nothing(tmp_path: Path, plain: Path, cut: int) -> None:
    """The first chunks are authentic; they are not given out either."""
    seal_file(plain, tmp_path / "sealed", [HYBRID.public_key])
    os.truncate(tmp_path / "sealed", (tmp_path / "sealed").stat().st_size - cut)
    with pytest.raises(EnvelopeError):
        open_file(tmp_path / "sealed", tmp_path / "opened", [HYBRID])
    assert names(tmp_path) == {"plain", "sealed"}


def test_a_taken_name_is_kept(tmp_path: Path, plain: Path) -> None:
    (tmp_path / "sealed").write_text("mine")
    with pytest.raises(VaultError, match="exists already"):
        seal_file(plain, tmp_path / "sealed", [HYBRID.public_key])
    assert (tmp_path / "sealed").read_text() == "mine"
    seal_file(plain, tmp_path / "sealed", [HYBRID.public_key], replace=True)
    assert (tmp_path / "sealed").read_bytes()[:4] == b"SLEV"


def test_a_full_disk(tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VaultError, match="No space left"):
        seal_file(plain, tmp_path / "sealed", [HYBRID.public_key])
    assert names(tmp_path) == {"plain"}


def test_a_folder_that_is_not_there(tmp_path: Path, plain: Path) -> None:
    with pytest.raises(VaultError, match="cannot be written"):
        seal_file(plain, tmp_path / "no" / "sealed", [HYBRID.public_key])
    with pytest.raises(VaultError, match="cannot be read"):
        seal_file(tmp_path / "absent", tmp_path / "sealed", [HYBRID.public_key])
    assert names(tmp_path) == {"plain"}


def test_rewrapping_changes_who_opens_and_no_chunk(tmp_path: Path, plain: Path) -> None:
    sealed, suite = tmp_path / "sealed", Suite.ARCHIVE_GCM
    seal_file(plain, sealed, [ARCHIVE], suite=suite, context=b"object 1")
    before = sealed.read_bytes()
    how = {"accept": {suite}, "context": b"object 1"}
    rewrap_file(sealed, [ARCHIVE], [ARCHIVE_2], **how)  # type: ignore[arg-type]
    after = sealed.read_bytes()
    assert after[139 - 16 :] == before[139 - 16 :]
    assert after[:24] == before[:24]
    assert open_bytes(after, [ARCHIVE_2], **how) == plain.read_bytes()  # type: ignore[arg-type]
    with pytest.raises(EnvelopeError):
        open_bytes(after, [ARCHIVE], **how)  # type: ignore[arg-type]
    mixed = after[: 139 - 16 - 32] + before[139 - 16 - 32 :]
    with pytest.raises(EnvelopeError):
        open_bytes(mixed, [ARCHIVE_2], **how)  # type: ignore[arg-type]


def test_rewrapping_for_several_and_by_strangers(tmp_path: Path, plain: Path) -> None:
    sealed = tmp_path / "sealed"
    seal_file(plain, sealed, [HYBRID.public_key])
    before = sealed.read_bytes()
    with pytest.raises(EnvelopeError):
        rewrap_file(sealed, [HYBRID_2], [HYBRID_2.public_key])
    assert sealed.read_bytes() == before
    rewrap_file(sealed, [HYBRID], [HYBRID.public_key, HYBRID_2.public_key])
    for key in (HYBRID, HYBRID_2):
        assert open_bytes(sealed.read_bytes(), [key]) == plain.read_bytes()
    assert names(tmp_path) == {"plain", "sealed"}
