"""The log on disk: what is appended stays, what is changed is found, what fails loses nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import merkle_definition as definition
import pytest

from safelight.errors import AuditError, AuditTamperedError, InputError
from safelight.vault.audit.checkpoint import open_checkpoint
from safelight.vault.audit.entry import AuditEvent, commitment
from safelight.vault.audit.log import AuditLog
from safelight.vault.audit.log_folder import LogFolder, erase_salt
from safelight.vault.audit.proof_documents import check_consistency, check_inclusion
from safelight.vault.audit.reading import LogReader


def event(number: int = 0) -> AuditEvent:
    return AuditEvent(
        {"event": "inference", "client_id": f"client-{number}", "level": "homomorphic"},
        {"input": hashlib.sha256(b"input %d" % number).digest()},
    )


@pytest.fixture(autouse=True)
def _disk_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    # no power fails in these tests; what is synced, and in which order, others test
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def filled(folder: Path, count: int) -> None:
    with AuditLog(folder, sync=False) as log:
        for number in range(count):
            assert log.append(event(number)) == number


def test_entries_proofs_and_commitments(folder: Path) -> None:
    filled(folder, 11)
    reader = LogReader(folder)
    found = reader.verify()
    assert found.checkpoint.size == 11
    assert (found.behind, found.torn_bytes, found.erased_salts, found.clock_steps) == (0, 0, 0, 0)
    assert found.checkpoint.root == definition.mth([reader.entry(n) for n in range(11)])
    for index in range(11):
        proof = json.loads(json.dumps(reader.inclusion(index, with_salt=True)))
        checked = check_inclusion(proof, reader.key)
        assert checked.entry["client_id"] == f"client-{index}"
        assert checked.shows("input", hashlib.sha256(b"input %d" % index).digest())
        assert not checked.shows("input", hashlib.sha256(b"other").digest())
        closed = check_inclusion(reader.inclusion(index), reader.key)
        with pytest.raises(InputError, match="cannot open"):
            closed.shows("input", b"")


def test_nothing_private_is_in_the_published_files(folder: Path) -> None:
    filled(folder, 3)
    digest = hashlib.sha256(b"input 1").digest()
    for path in folder.iterdir():
        content = path.read_bytes()
        assert digest not in content
        assert digest.hex().encode() not in content
    entries = [json.loads(LogReader(folder).entry(n)) for n in range(3)]
    # equal contents give unrelated commitments
    assert len({entry["commitments"]["input"] for entry in entries}) == 3


def test_an_erased_salt_opens_nothing_and_the_log_still_verifies(folder: Path) -> None:
    filled(folder, 4)
    erase_salt(LogFolder(folder), 2)
    reader = LogReader(folder)
    assert reader.verify().erased_salts == 1
    assert reader.inclusion(2, with_salt=True)["salt"] is None


def test_every_flipped_byte_is_found(folder: Path) -> None:
    filled(folder, 5)
    for name in ("entries", "hashes", "offsets", "salts", "checkpoint", "verifier-key"):
        path = folder / name
        content = path.read_bytes()
        for position in range(len(content)):
            changed = bytearray(content)
            changed[position] ^= 0x01 << (position % 8)
            path.write_bytes(changed)
            with pytest.raises((AuditTamperedError, InputError)):
                LogReader(folder).verify()
        path.write_bytes(content)
    LogReader(folder).verify()


@pytest.mark.parametrize("name", ["entries", "hashes", "offsets", "salts"])
def test_cut_files_are_found(folder: Path, name: str) -> None:
    filled(folder, 5)
    content = (folder / name).read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        (folder / name).write_bytes(content[:size])
        with pytest.raises(AuditTamperedError):
            LogReader(folder).verify()


def test_an_entry_rewritten_with_its_checksum_is_found(folder: Path) -> None:
    from safelight.vault.audit.records import encode_record

    filled(folder, 3)
    old = LogReader(folder).entry(1)
    new = old.replace(b"client-1", b"client-7")
    path = folder / "entries"
    path.write_bytes(path.read_bytes().replace(encode_record(old), encode_record(new)))
    with pytest.raises(AuditTamperedError, match="stored hashes are not those of entry 1"):
        LogReader(folder).verify()
    # and where whoever did it also made the hashes anew
    (folder / "hashes").unlink()
    with pytest.raises(AuditTamperedError, match="not those of the checkpoint"):
        AuditLog(folder)


def test_reopening_continues(folder: Path) -> None:
    filled(folder, 7)
    old = LogReader(folder).checkpoint
    with AuditLog(folder) as log:
        assert log.size == 7
        assert log.append_all([event(), event()]) == 7
        assert log.checkpoint().size == 9
    reader = LogReader(folder)
    assert check_consistency(reader.consistency(7), reader.key, old).size == 9
    reader.verify()


@pytest.mark.parametrize("name", ["hashes", "offsets"])
@pytest.mark.parametrize("keep", [0, 1, 70])
def test_what_follows_from_the_entries_is_made_anew(folder: Path, name: str, keep: int) -> None:
    filled(folder, 9)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / name).write_bytes(before[name][:keep])
    AuditLog(folder).close()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_rest_of_an_unfinished_write_is_cut_off(folder: Path) -> None:
    filled(folder, 6)
    content = (folder / "entries").read_bytes()
    record = content[content.rindex(b'{"client_id"') - 6 :]
    for cut in range(len(record)):
        (folder / "entries").write_bytes(content + record[:cut])
        (folder / "salts").write_bytes((folder / "salts").read_bytes()[: 6 * 32] + bytes(32))
        with AuditLog(folder) as log:
            assert (log.size, log.torn_bytes) == (6, cut)
        LogReader(folder).verify()


def test_whole_entries_behind_the_checkpoint_count(folder: Path) -> None:
    with AuditLog(folder) as log:
        log.append_all([event(number) for number in range(4)])
        note = (folder / "checkpoint").read_bytes()
        log.append_all([event(4)])
        log.append_all([event(5)])
    # as a kill leaves it: the entries are there, the checkpoint is older
    (folder / "checkpoint").write_bytes(note)
    assert LogReader(folder).verify().behind == 6 - LogReader(folder).checkpoint.size
    with AuditLog(folder) as log:
        assert log.size == 6
    assert LogReader(folder).verify().checkpoint.size == 6


def test_missing_entries_are_not_taken_for_a_crash(folder: Path) -> None:
    filled(folder, 6)
    reader = LogReader(folder)
    content = (folder / "entries").read_bytes()
    (folder / "entries").write_bytes(content[: -len(reader.entry(5)) - 6])
    with pytest.raises(AuditTamperedError, match="5 whole entries, its checkpoint 6"):
        AuditLog(folder)
    (folder / "checkpoint").unlink()
    with pytest.raises(AuditTamperedError, match="no checkpoint"):
        AuditLog(folder)


def test_many_threads(folder: Path) -> None:
    with AuditLog(folder, sync=False) as log:
        places: list[int] = []

        def work() -> None:
            for number in range(40):
                places.append(log.append(event(number)))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(places) == list(range(320))
    assert LogReader(folder).verify().checkpoint.size == 320


def test_a_clock_that_runs_backwards(folder: Path) -> None:
    times = iter([100.0, 90.5, 101.0])
    with AuditLog(folder, clock=lambda: next(times)) as log:
        for _ in range(3):
            log.append(event())
    entries = list(LogReader(folder).entries())
    assert [entry["time_ms"] for entry in entries] == [100_000, 100_000, 101_000]
    assert [entry.get("clock_back_ms") for entry in entries] == [None, 9_500, None]
    assert LogReader(folder).verify().clock_steps == 1
    with AuditLog(folder, clock=lambda: 1.0) as log:  # also across a restart
        log.append(event())
    assert LogReader(folder).verify().clock_steps == 2


def test_two_writers(folder: Path) -> None:
    with AuditLog(folder) as log:
        with pytest.raises(AuditError, match="another process appends"):
            AuditLog(folder)
        log.append(event())
    AuditLog(folder).close()


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_full_disk_loses_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    filled(folder, 3)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    log = AuditLog(folder)
    with monkeypatch.context() as patch:
        _fail_at(patch, failing)
        with pytest.raises(AuditError, match="full"):
            log.append_all([event(3), event(4)])
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert log.append(event(3)) == 3  # there is room again
    log.close()
    assert LogReader(folder).verify().checkpoint.size == 4


def _fail_at(patch: pytest.MonkeyPatch, failing: int) -> None:
    """The n-th write or sync finds no room; a write puts half of it there before."""
    count = 0
    real_write, real_sync = os.pwrite, os.fdatasync

    def no_room() -> bool:
        nonlocal count
        count += 1
        return count == failing

    def pwrite(descriptor: int, data: bytes, position: int) -> int:
        if no_room():
            real_write(descriptor, bytes(data)[: len(data) // 2], position)
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data, position)

    def fdatasync(descriptor: int) -> None:
        if no_room():
            raise OSError(errno.ENOSPC, "No space left on device")
        real_sync(descriptor)

    patch.setattr(os, "pwrite", pwrite)
    patch.setattr(os, "fdatasync", fdatasync)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_refused(folder: Path) -> None:
    filled(folder, 2)
    folder.chmod(0o500)
    for path in folder.iterdir():
        path.chmod(0o400)
    with pytest.raises(AuditError, match="cannot be written"):
        AuditLog(folder)
    LogReader(folder).verify()
    folder.chmod(0o700)


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_read_only_disk_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    filled(folder, 2)
    log = AuditLog(folder)

    def refuse(*arguments: object) -> int:
        raise OSError(code, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(AuditError, match="cannot be written"):
            log.append(event())
    log.close()


def test_the_key_must_be_the_logs(folder: Path, tmp_path: Path) -> None:
    filled(folder, 1)
    filled(tmp_path / "other", 1)
    key = (folder / "log-key").read_bytes()
    (folder / "log-key").write_bytes((tmp_path / "other" / "log-key").read_bytes())
    with pytest.raises(AuditError, match="not the one that its readers know"):
        AuditLog(folder)
    (folder / "log-key").unlink()
    with pytest.raises(AuditError, match="key is missing"):
        AuditLog(folder)
    (folder / "log-key").write_bytes(key[:-1])
    with pytest.raises(AuditError, match="damaged"):
        AuditLog(folder)
    with pytest.raises(AuditTamperedError, match="not signed by this log"):
        LogReader(folder, LogReader(tmp_path / "other").key)


def test_files_are_private(folder: Path) -> None:
    filled(folder, 1)
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o077 == (0o044 if path.name == "verifier-key" else 0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AuditEvent({"patient": "x"}),
        lambda: AuditEvent({"event": "line\nbreak"}),
        lambda: AuditEvent({"event": ""}),
        lambda: AuditEvent({"event": "x" * 129}),
        lambda: AuditEvent({"policies": ["é"]}),
        lambda: AuditEvent({}, {"na\nme": b""}),
        lambda: AuditEvent({}, {f"n{number}": b"" for number in range(17)}),
    ],
)
def test_fields_are_a_closed_list_of_plain_text(make: Callable[[], AuditEvent]) -> None:
    with pytest.raises(AuditError):
        make()


def test_no_log(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="no audit log"):
        LogReader(tmp_path)
    filled(tmp_path / "log", 2)
    reader = LogReader(tmp_path / "log")
    for wrong in (-1, 2):
        with pytest.raises(InputError, match="covers 2"):
            reader.inclusion(wrong)
    with pytest.raises(InputError, match="has 2 entries"):
        reader.consistency(3)


def test_a_closed_log_takes_nothing(folder: Path) -> None:
    log = AuditLog(folder)
    log.close()
    log.close()
    with pytest.raises(AuditError, match="closed"):
        log.append(event())


def test_a_reader_sees_a_growing_log(folder: Path) -> None:
    with AuditLog(folder, sync=False) as log:
        log.append_all([event(n) for n in range(10)])
        log.checkpoint()
        reader = LogReader(folder)
        log.append_all([event(n) for n in range(50)])
        assert reader.verify().behind == 50
        assert check_inclusion(reader.inclusion(3), log.verifier_key).checkpoint.size == 10


def test_the_commitment_is_what_its_definition_says() -> None:
    import hmac

    salt = bytes(range(32))
    message = b"safelight audit commitment v1\0input\0content"
    assert commitment(salt, "input", b"content") == hmac.new(salt, message, "sha256").digest()


def test_the_empty_log_has_a_checkpoint(folder: Path) -> None:
    AuditLog(folder).close()
    reader = LogReader(folder)
    assert reader.verify().checkpoint.size == 0
    assert open_checkpoint(reader.note, reader.key).root == hashlib.sha256().digest()


@pytest.mark.parametrize("stated", [0, 17, 19, 1 << 40])
def test_a_spoiled_offset_never_says_where_the_log_ends(folder: Path, stated: int) -> None:
    """A page of the file may be lost with the power; entries that were confirmed are not."""
    filled(folder, 5)
    content = (folder / "offsets").read_bytes()
    (folder / "offsets").write_bytes(content[:-8] + stated.to_bytes(8, "big"))
    with AuditLog(folder) as log:
        assert (log.size, log.torn_bytes) == (5, 0)
        log.append(event(5))
    assert (folder / "offsets").read_bytes().startswith(content)
    assert LogReader(folder).verify().checkpoint.size == 6
