"""Full disks, read-only archives, two writers, SIGKILL: clear errors, nothing half-written."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from archive_samples import ALICE, OPTIONS, image, new_archive

from safelight.errors import ArchiveError
from safelight.vault.archive import Archive, open_archive, verify_archive
from safelight.vault.archive.index import Index

SCRIPT = Path(__file__).with_name("putting_process.py")


def refuse_with(code: int) -> object:
    """An `os.open` that fails for new files."""
    whole = os.open

    def refusing(path: object, flags: int, mode: int = 0o777, **how: object) -> int:
        if flags & os.O_CREAT:
            raise OSError(code, os.strerror(code))
        return whole(path, flags, mode, **how)  # type: ignore[arg-type]

    return refusing


@pytest.mark.parametrize(
    ("code", "words"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only file system")]
)
def test_the_store_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    with new_archive(tmp_path / "a") as archive:
        kept = archive.put(image(1), OPTIONS).stored
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", refuse_with(code))
            with pytest.raises(ArchiveError, match=words):
                archive.put(image(2), OPTIONS)
        assert [s.id for s in archive.list()] == [kept.id]
        assert archive.put(image(2), OPTIONS).is_new
        assert verify_archive(archive).strays == 0


def put_many(archive: Archive) -> None:
    """More than fits into the pages that the index has."""
    for number in range(2, 60):
        archive.put(image(number, side=32), OPTIONS)


def test_the_disk_is_full_when_the_row_is_written(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        archive.put(image(1), OPTIONS)
        pages = archive.index._connection.execute("PRAGMA page_count").fetchone()[0]
        archive.index._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ArchiveError, match="full"):
            put_many(archive)
        archive.index._connection.execute("PRAGMA max_page_count = 1000000")
        report = verify_archive(archive, clean=True)
        assert report.failed == ()
        assert report.strays == 1
        assert archive.put(image(99), OPTIONS).is_new


def test_a_read_only_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_archive(tmp_path / "a") as archive:
        kept = archive.put(image(1), OPTIONS).stored

    connect = Index._connect

    def read_only(path: Path, mode: str, wait_s: float) -> sqlite3.Connection:
        return connect(path, "ro", wait_s)

    monkeypatch.setattr(Index, "_connect", staticmethod(read_only))
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        assert archive.get(kept.id)
        with pytest.raises(ArchiveError, match="read-only"):
            archive.put(image(2), OPTIONS)
        with pytest.raises(ArchiveError, match="read-only"):
            archive.delete(kept.id)
        assert len(list(archive.list())) == 1


def test_two_writers(tmp_path: Path) -> None:
    """Everything that both put is there once."""
    new_archive(tmp_path / "a").close()
    failures: list[BaseException] = []

    def put(numbers: range) -> None:
        try:
            with open_archive(tmp_path / "a", [ALICE]) as archive:
                for number in numbers:
                    archive.put(image(number, side=32), OPTIONS)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test shows it
            failures.append(exc)

    writers = [threading.Thread(target=put, args=(r,)) for r in (range(8), range(4, 12))]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with open_archive(tmp_path / "a", [ALICE]) as archive:
        report = verify_archive(archive)
        assert (report.checked, report.failed, report.strays) == (12, (), 0)


def test_a_writer_that_does_not_finish(tmp_path: Path) -> None:
    with new_archive(tmp_path / "a") as archive:
        kept = archive.put(image(1), OPTIONS).stored
        with archive.index.writing(), open_archive(tmp_path / "a", [ALICE], wait_s=0.05) as other:
            assert other.get(kept.id)  # readers do not wait
            with pytest.raises(ArchiveError, match="another process is writing"):
                other.put(image(2), OPTIONS)


def test_a_damaged_index(tmp_path: Path) -> None:
    new_archive(tmp_path / "a").close()
    path = tmp_path / "a/index.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ArchiveError, match="damaged"):
        open_archive(tmp_path / "a", [ALICE])
    path.unlink()
    with pytest.raises(ArchiveError, match="cannot be opened"):
        open_archive(tmp_path / "a", [ALICE])
    assert not path.exists()


def check(archive: Archive, confirmed: set[str]) -> None:
    """All confirmed objects are there and whole; what else is there is whole too."""
    found = {stored.id for stored in archive.list()}
    assert confirmed <= found
    assert verify_archive(archive).failed == ()


def kill_rounds(folder: Path, rounds: int, seed: int) -> None:
    new_archive(folder).close()
    chance = random.Random(seed)
    confirmed: set[str] = set()
    for number in range(rounds):
        with subprocess.Popen(
            [sys.executable, str(SCRIPT), str(folder), str(1000 * number)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.25))
            process.kill()
            lines = process.stdout.read().split("\n")[:-1]
        for line in lines:
            action, object_id = line.split()
            if action == "put":
                confirmed.add(object_id)
            else:  # a delete that was begun may have been done
                confirmed.discard(object_id)
        with open_archive(folder, [ALICE]) as archive:
            check(archive, confirmed)
    with open_archive(folder, [ALICE]) as archive:
        verify_archive(archive, clean=True)
        names = set(archive.store.names())
        assert names == {stored.id for stored in archive.list()}
        assert archive.store.leftovers() == []
        check(archive, confirmed)
    assert confirmed


def test_killed_at_random_moments(tmp_path: Path) -> None:
    kill_rounds(tmp_path / "a", 3, seed=1)


@pytest.mark.slow
def test_killed_eighty_times(tmp_path: Path) -> None:
    for seed in range(4):
        kill_rounds(tmp_path / f"a{seed}", 20, seed=seed)
