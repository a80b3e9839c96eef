"""Wrong input on the command line: one error, one hint, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from safelight.cli import connection, keys
from safelight.cli.main import main

RECORD = "wdbc-logistic"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SAFELIGHT_TOKEN", "SAFELIGHT_DEBUG", "SAFELIGHT_NEW_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse\n")
    monkeypatch.setenv("SAFELIGHT_PASSPHRASE_FILE", str(passphrase))
    monkeypatch.chdir(tmp_path)
    Path("record.csv").write_text(",".join(["1.0"] * 30) + "\n")


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command says when it ends with 1."""
    capsys.readouterr()
    assert main(list(arguments)) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") <= 2
    return captured.err


@pytest.mark.parametrize(
    ("server", "token"),
    [
        ("http://127.0.0.1:999999", "t" * 32),
        ("http://[bad", "t" * 32),
        ("ftp://127.0.0.1", "t" * 32),
        ("http://name:secret@127.0.0.1", "t" * 32),
        ("http://127.0.0.1:9", "not ascii ü"),
        ("http://127.0.0.1:9", "two\nlines"),
        ("http://example.org", "t" * 32),
    ],
)
def test_addresses_and_tokens_are_checked_before_they_are_used(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, server: str, token: str
) -> None:
    monkeypatch.setenv("SAFELIGHT_TOKEN", token)
    said = refused(capsys, "diagnose", "record.csv", "--model", RECORD, "--server", server)
    assert "secret" not in said
    assert token not in said


def test_the_unforeseen_is_no_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> int:
        raise RuntimeError("/scans/Jane Doe.dcm")

    monkeypatch.setattr(keys, "run", fail)
    said = refused(capsys, "keys", "show", "x.key")
    assert "RuntimeError" in said
    assert "Jane" not in said
    monkeypatch.setenv("SAFELIGHT_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["keys", "show", "x.key"])


def test_folders_that_cannot_be_made_are_named_by_their_cause(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("file").write_text("")
    assert "the system refused" in refused(capsys, "demo", "--output", "file/below")


@pytest.mark.parametrize("count", ["0", "-3", "x", "²", "9" * 5000])
def test_counts_are_numbers_from_one(capsys: pytest.CaptureFixture[str], count: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", RECORD, f"--encrypted={count}"])
    assert "give a number from 1 on, or `all`" in capsys.readouterr().err


def test_a_missing_key_file_is_not_worth_a_passphrase(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(connection, "ask_passphrase")
    assert "is not a file" in refused(capsys, "keys", "show", "none.key")


def test_a_passphrase_is_changed_to_another_or_not_at_all(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert main(["keys", "new", "a.key", "--model", RECORD]) == 0
    before = Path("a.key").read_bytes()
    capsys.readouterr()
    assert main(["keys", "passphrase", "a.key"]) == 1  # no terminal, no new passphrase
    assert Path("a.key").read_bytes() == before
    fresh = tmp_path / "fresh"
    fresh.write_text("battery staple")
    monkeypatch.setenv("SAFELIGHT_NEW_PASSPHRASE_FILE", str(fresh))
    assert main(["keys", "passphrase", "a.key"]) == 0
    assert "the passphrase is wrong" in refused(capsys, "keys", "show", "a.key")
    monkeypatch.setenv("SAFELIGHT_PASSPHRASE_FILE", str(fresh))
    assert main(["keys", "show", "a.key"]) == 0
    assert "exists already" in refused(capsys, "keys", "new", "a.key", "--model", RECORD)
