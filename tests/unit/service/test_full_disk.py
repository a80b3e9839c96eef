"""What a full disk looks like, and what it must not leave behind."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
from pathlib import Path

import pytest

from safelight.service.clients import ClientStore
from safelight.service.database import Database
from safelight.service.durable_files import write_durably
from safelight.service.full_disk import is_disk_full, when_there_is_room
from safelight.service.logs import Log
from safelight.service.problems import problem_of
from safelight.service.refusals import Refusal


def test_a_device_that_is_full() -> None:
    with pytest.raises(OSError, match="space") as caught:
        Path("/dev/full").write_bytes(b"x")
    assert is_disk_full(caught.value)
    assert problem_of(caught.value).code == "storage-full"
    assert problem_of(caught.value).status == 507
    assert not is_disk_full(FileNotFoundError(errno.ENOENT, ""))
    assert problem_of(FileNotFoundError(errno.ENOENT, "")).code == "internal"


def test_a_database_that_is_full_goes_on_when_there_is_room(tmp_path: Path) -> None:
    database = Database(tmp_path / "rows.sqlite3")
    store, connection = ClientStore(database), database.connection()
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    before = 0

    def add_clients() -> None:
        nonlocal before
        while True:
            store.add(f"clinic-{before}")
            before += 1

    with pytest.raises(sqlite3.OperationalError) as caught:
        add_clients()
    assert is_disk_full(caught.value)
    assert problem_of(caught.value).code == "storage-full"
    assert len(store.all()) == before
    connection.execute(f"PRAGMA max_page_count = {2 * pages}")
    store.add("late")
    assert len(store.all()) == before + 1
    database.close()


def test_a_file_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError) as caught:
            write_durably(tmp_path / "result", bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert is_disk_full(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_log_on_a_full_disk_loses_lines_only() -> None:
    stream = os.fdopen(os.open("/dev/full", os.O_WRONLY), "w", buffering=1)
    Log(stream).write("request", status=507)
    with pytest.raises(OSError):
        stream.close()


def test_waiting_for_room() -> None:
    tries = []

    def write() -> None:
        tries.append("write")
        if len(tries) < 4:
            raise OSError(errno.ENOSPC, "full")

    when_there_is_room(write, lambda: tries.append("pause"), patience_s=60)
    assert tries == ["write", "pause", "write", "pause", "write"]


@pytest.mark.parametrize("failure", [Refusal("storage-full"), OSError(errno.EIO, "broken")])
def test_waiting_ends(failure: Exception) -> None:
    def write() -> None:
        raise failure

    def pause() -> None:
        raise AssertionError("nobody has patience")

    with pytest.raises(type(failure)):
        when_there_is_room(write, pause, patience_s=-1)
