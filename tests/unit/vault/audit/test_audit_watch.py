"""Watching: a log that grows is followed, one that was rewritten, cut or forked is not."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from safelight.cli.main import main
from safelight.errors import AuditTamperedError, InputError
from safelight.vault.audit.entry import AuditEvent
from safelight.vault.audit.log import AuditLog
from safelight.vault.audit.reading import LogReader
from safelight.vault.audit.watching import FolderSource, Watch


@pytest.fixture(autouse=True)
def _disk_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: None)


def grow(folder: Path, count: int, code: str = "done") -> None:
    with AuditLog(folder) as log:
        event = AuditEvent({"event": "inference", "job_id": "j1", "code": code}, {"result": b"r"})
        for _ in range(count):
            log.append(event)


def watch(folder: Path, state: Path) -> Watch:
    return Watch(FolderSource(folder), state, lambda: LogReader(folder).key)


def test_a_growing_log_is_followed(tmp_path: Path) -> None:
    folder, state = tmp_path / "log", tmp_path / "state"
    grow(folder, 3)
    first = watch(folder, state).look()
    assert (first.before, first.now.size) == (None, 3)
    for count in (1, 4, 9, 0):
        before = LogReader(folder).checkpoint
        grow(folder, count)
        seen = watch(folder, state).look()  # a new process each time
        assert (seen.before, seen.now.size) == (before, before.size + count)


def test_a_fork_is_an_alarm_and_the_evidence_stays(tmp_path: Path) -> None:
    folder, state = tmp_path / "log", tmp_path / "state"
    grow(folder, 3)
    shutil.copytree(folder, tmp_path / "copy")
    grow(folder, 2)
    follower = watch(folder, state)
    follower.look()
    kept = state.read_bytes()
    for count, message in ((2, "forked"), (9, "rewritten|not those of"), (0, "cut"), (1, "cut")):
        other = tmp_path / f"other-{count}"
        shutil.copytree(tmp_path / "copy", other)
        grow(other, count, code="lost")
        with pytest.raises(AuditTamperedError, match=message):
            watch(other, state).look()
        assert state.read_bytes() == kept


def test_another_log_is_not_taken_for_the_same(tmp_path: Path) -> None:
    grow(tmp_path / "log", 3)
    grow(tmp_path / "other", 5)
    watch(tmp_path / "log", tmp_path / "state").look()
    with pytest.raises(AuditTamperedError, match="not signed by this log"):
        watch(tmp_path / "other", tmp_path / "state").look()


def test_a_damaged_state_is_said(tmp_path: Path) -> None:
    grow(tmp_path / "log", 3)
    watch(tmp_path / "log", tmp_path / "state").look()
    content = (tmp_path / "state").read_bytes()
    for damaged in (b"", content[:20], content[:-9] + b"\n"):
        (tmp_path / "state").write_bytes(damaged)
        with pytest.raises(InputError):
            watch(tmp_path / "log", tmp_path / "state")


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, proof = tmp_path / "log", tmp_path / "proof.json"
    grow(log, 5)
    key = (log / "verifier-key").read_text().strip()
    old = tmp_path / "old"
    old.write_bytes((log / "checkpoint").read_bytes())
    grow(log, 4)
    code, out, _ = run(capsys, "audit", "verify", "--log", log, "--since", old, "--key", key)
    assert (code, out.splitlines()[0]) == (0, "9 entries, as the signed checkpoint says")
    prove = ("audit", "prove", "--log", log)
    check = ("audit", "verify", "--proof", proof, "--key", log / "verifier-key")
    assert run(capsys, *prove, "2", "--salt", "--out", proof)[0] == 0
    assert run(capsys, *check, "--content", "result=" + b"r".hex())[0] == 0
    code, out, _ = run(capsys, *check, "--content", "result=00", "--json")
    assert (code, json.loads(out)["content_matches"]) == (1, False)
    assert run(capsys, *prove, "--job", "j1", "--out", proof)[0] == 0
    assert "cannot open" in run(capsys, *check, "--content", "result=00")[2]
    assert run(capsys, *prove, "--continues", "5", "--out", proof)[0] == 0
    assert run(capsys, *check, "--since", old)[0] == 0
    proof.write_text(proof.read_text().replace('"path": [\n    "', '"path": [\n    "AAAA'))
    assert run(capsys, *check)[0] == 1
    code, out, _ = run(capsys, "audit", "show", "--log", log, "--from", "7", "--json")
    assert [entry["index"] for entry in json.loads(out)["entries"]] == [7, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify", "--log", "missing"), "no audit log"),
        (("verify", "--log", "log", "--key", "a+b+c"), "public key of an audit log"),
        (("verify", "--log", "log", "--key", "missing"), "cannot be read"),
        (("verify", "--proof", "missing"), "needs the key"),
        (("verify", "--proof", "log/entries", "--key", "log/verifier-key"), "not a JSON"),
        (("prove", "--log", "log"), "give one of"),
        (("prove", "--log", "log", "3"), "no entry 3"),
        (("prove", "--log", "log", "--job", "unknown"), "no entry is about"),
        (("prove", "--log", "log", "--continues", "4"), "has 3 entries"),
        (("show", "--log", "log", "--from", "9"), "entries 0 to 2"),
        (("watch", "--log", "log", "--state", "s", "--interval", "0"), "above zero"),
    ],
)
def test_what_cannot_be_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    grow(tmp_path / "log", 3)
    code, _, error = run(capsys, "audit", *arguments)
    assert code == 1
    assert message in error
    assert "Traceback" not in error


@pytest.mark.slow
def test_a_million_entries(tmp_path: Path) -> None:
    """5,000 entries a second and proofs under 5 ms, with room for a busy machine."""
    import time

    event = AuditEvent({"event": "inference", "client_id": "a" * 16}, {"input": b"x" * 32})
    with AuditLog(tmp_path / "log") as log:
        start = time.process_time()
        while log.size < 1_000_000:
            log.append_all([event] * min(4096, 1_000_000 - log.size))
        assert log.size / (time.process_time() - start) > 5_000
    reader = LogReader(tmp_path / "log")
    start = time.process_time()
    for index in range(0, 1_000_000, 10_007):
        reader.inclusion(index)
    assert (time.process_time() - start) / 100 < 0.005


class TwoFaces(FolderSource):
    """Shows the checkpoint of one log, and proves that another continues."""

    def __init__(self, shown: Path, proved: Path) -> None:
        super().__init__(proved)
        self._shown = shown

    def note(self) -> bytes:
        return LogReader(self._shown).note


@pytest.mark.parametrize("more", [2, 3])
def test_a_proof_for_another_tree_than_the_one_shown_is_an_alarm(tmp_path: Path, more: int) -> None:
    folder, fork, state = tmp_path / "log", tmp_path / "fork", tmp_path / "state"
    grow(folder, 3)
    watch(folder, state).look()
    kept = state.read_bytes()
    shutil.copytree(folder, fork)
    grow(fork, 2, code="lost")
    grow(folder, more)
    with pytest.raises(AuditTamperedError, match=r"forked|not those of"):
        Watch(TwoFaces(fork, folder), state, lambda: LogReader(folder).key).look()
    assert state.read_bytes() == kept
