"""Files: whole or not there, and nothing in clear is left behind."""

from __future__ import annotations

import errno
import io
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from envelope_keys import ARCHIVE, ARCHIVE_2, HYBRID, HYBRID_2

from safelight.errors import EnvelopeError, VaultError
from safelight.vault.envelope import (
    Suite,
    open_bytes,
    open_file,
    open_stream_unverified,
    rewrap_file,
    seal_bytes,
    seal_file,
)
from safelight.vault.envelope.key_file import save_private_key
from safelight.vault.envelope.public_key_file import save_public_key


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


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Files that take so many bytes and no more: the last write that fits in part is cut."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_takes_a_part_of_a_write(tmp_path: Path, plain: Path) -> None:
    """The system then says how much it took, and only the next write fails."""
    sealed, suite = tmp_path / "sealed", Suite.ARCHIVE_GCM
    seal_file(plain, sealed, [ARCHIVE], suite=suite)
    before = sealed.read_bytes()
    with files_end_at(700):
        with pytest.raises(VaultError, match="cannot be written"):
            save_private_key(HYBRID, tmp_path / "key", "passphrase")
        with pytest.raises(VaultError, match="cannot be written"):
            save_public_key(HYBRID.public_key, tmp_path / "key.pub")
        with pytest.raises(VaultError, match="cannot be written"):
            rewrap_file(sealed, [ARCHIVE], [ARCHIVE_2], accept={suite})
    assert sealed.read_bytes() == before
    assert names(tmp_path) == {"plain", "sealed"}


def test_the_buffer_of_plaintext_is_overwritten() -> None:
    class Sink(io.RawIOBase):
        """Keeps the buffers that it is given."""

        def __init__(self) -> None:
            self.views: list[memoryview] = []
            self.seen = b""

        def write(self, data: object) -> int:
            assert isinstance(data, memoryview)
            self.views.append(data)
            self.seen += bytes(data)
            return len(data)

    envelope = seal_bytes(b"a pixel" * 100, [HYBRID.public_key])
    sink = Sink()
    open_stream_unverified(io.BytesIO(envelope), sink, [HYBRID])  # type: ignore[arg-type]
    assert sink.seen == b"a pixel" * 100
    assert not any(map(any, sink.views))
