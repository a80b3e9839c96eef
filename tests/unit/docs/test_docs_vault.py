"""The vault's commands from end to end: their JSON fits its schemas; the pages say what is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from pages import ROOT

from imaging_samples import build_dicom
from safelight.cli.main import main
from safelight.vault.envelope import key_file, limits
from safelight.vault.envelope.suites import Suite

SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
    for path in (ROOT / "docs" / "schemas").glob("vault-*.json")
}
PAGE = (ROOT / "docs" / "vault-format.md").read_text("utf-8")
Vault = Callable[..., Any]


@pytest.fixture
def vault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Vault:
    """Runs ``safelight vault ARGUMENTS --json`` in a folder and checks what it prints.

    Gives the document, or the error where there is none.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(key_file, "_SCRYPT_N", 1 << 4)
    Path("passphrase").write_text("for this test only\n")
    monkeypatch.setenv("SAFELIGHT_PASSPHRASE_FILE", "passphrase")
    monkeypatch.setenv("SAFELIGHT_NEW_PASSPHRASE_FILE", "passphrase")

    def run(schema: str, *arguments: str, code: int = 0) -> Any:
        capsys.readouterr()
        assert main(["vault", *arguments, "--json"]) == code
        printed, errors = capsys.readouterr()
        if code and not printed:
            return errors
        document = json.loads(printed)
        jsonschema.validate(document, SCHEMAS[f"vault-{schema}"])
        return document

    return run


def picture(number: int, **attributes: object) -> bytes:
    """A CT image."""
    pixels = np.arange(4096, dtype=np.uint16).reshape(64, 64) + number
    given: dict[str, object] = {"Modality": "CT", "BurnedInAnnotation": "NO",
                                "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}  # fmt: skip
    return build_dicom(pixels, **{**given, **attributes})


def test_keys_and_envelopes(vault: Vault) -> None:
    made = vault("keys", "keys", "new", "a.key")
    rsa = vault("keys", "keys", "new", "b.key", "--kind", "rsa", "--bits", "2048")
    assert vault("keys", "keys", "show", "a.key") == made
    assert vault("keys", "keys", "show", "a.key.pub")["key_id"] == made["key_id"]
    assert vault("keys", "keys", "passphrase", "b.key") == rsa
    Path("image").write_bytes(bytes(range(256)) * 2000)
    sealed = vault("envelope", "seal", "image", "sealed", "--to", "a.key.pub", "--context", "x")
    assert vault("envelope", "inspect", "sealed") == sealed
    vault("open", "open", "sealed", "opened", "--key", "a.key", code=1)
    vault("open", "open", "sealed", "opened", "--key", "a.key", "--context", "x")
    assert Path("opened").read_bytes() == Path("image").read_bytes()
    label = Suite.RSA_CBC_HMAC.label
    vault("envelope", "seal", "image", "sealed2", "--to", "b.key.pub", "--suite", label)
    vault("open", "open", "sealed2", "opened2", "--key", "b.key", code=1)
    vault("open", "open", "sealed2", "opened2", "--key", "b.key", "--accept", label)
    for wrong in (
        ("seal", "image", "image", "--to", "a.key.pub"),
        ("seal", "image", "s3", "--to", "b.key.pub"),
        ("seal", "image", "s3", "--to", "a.key"),
        ("seal", "absent", "s3", "--to", "a.key.pub"),
        ("open", "image", "o3", "--key", "a.key"),
        ("open", "sealed", "opened", "--key", "a.key", "--context", "x"),
        ("open", "sealed", "o3", "--key", "a.key.pub"),
        ("keys", "new", "a.key"),
        ("inspect", "image"),
    ):
        vault("envelope", *wrong, code=1)
    assert not Path("s3").exists()
    assert not Path("o3").exists()


def test_deidentify(vault: Vault) -> None:
    Path("in").mkdir()
    Path("in/Meier^Hans.dcm").write_bytes(picture(1))
    Path("in/b.dcm").write_bytes(picture(2, BurnedInAnnotation="YES"))
    Path("in/notes.txt").write_text("not DICOM")
    document = vault("deidentify", "deidentify", "in", "out", "--dates", "shift", code=1)
    assert document["refused"] == 2
    assert [path.name for path in sorted(Path("out").iterdir())] == ["000000.dcm"]
    clean = ("--pixels-are-clean", "--identifier-key", "ids")
    first = vault("deidentify", "deidentify", "in/b.dcm", "o1.dcm", *clean)
    vault("deidentify", "deidentify", "in/b.dcm", "o2.dcm", *clean)
    assert first["files"][0]["report"]["options"]["pixels_are_clean"]
    assert Path("o1.dcm").read_bytes() == Path("o2.dcm").read_bytes()
    assert Path("ids").stat().st_mode & 0o777 == 0o600
    assert "--pixels-are-clean" in vault("deidentify", "deidentify", "in/b.dcm", "o3.dcm", code=1)
    vault("deidentify", "deidentify", "in/b.dcm", "in/b.dcm", *clean, code=1)


def test_the_archive(vault: Vault) -> None:
    vault("keys", "keys", "new", "a.key")
    vault("keys", "keys", "new", "b.key")
    key = ("--key", "a.key")
    made = vault("init", "init", "archive", "--to", "a.key.pub")
    Path("in").mkdir()
    Path("in/1.dcm").write_bytes(picture(1, StudyInstanceUID="1.2.3"))
    Path("in/2.dcm").write_bytes(picture(2, BurnedInAnnotation=""))
    put = vault("put", "put", "archive", "in", *key, code=1)
    assert put["refused"] == 1
    object_id = put["files"][0]["id"]
    assert not vault("put", "put", "archive", "in/1.dcm", *key)["files"][0]["is_new"]
    listed = vault("list", "list", "archive", *key, "--study", "1.2.3", "--original")
    assert [entry["id"] for entry in listed["objects"]] == [object_id]
    assert vault("list", "list", "archive", *key, "--study", "1.2.3")["objects"] == []
    got = vault("get", "get", "archive", object_id[:10], "out.dcm", *key)
    assert Path("out.dcm").stat().st_size == got["content_bytes"]
    assert vault("verify", "verify", "archive", *key, "--clean")["checked"] == 1
    to = ("--to", "a.key.pub", "--to", "b.key.pub")
    assert vault("rewrap", "rewrap", "archive", *key, *to)["rewrapped"] == 1
    assert vault("verify", "verify", "archive", "--key", "b.key")["checked"] == 1
    assert vault("delete", "delete", "archive", object_id[:10], *key)["deleted"] == [object_id]
    vault("get", "get", "archive", object_id, "again.dcm", *key, code=1)
    remembered = json.loads(Path("a.key.archives.json").read_text())
    assert list(remembered.values()) == [made["fingerprint"]]


def test_an_archive_that_was_exchanged_is_refused(vault: Vault) -> None:
    """By somebody who can write, and who knows our public key."""
    vault("keys", "keys", "new", "a.key")
    vault("init", "init", "archive", "--to", "a.key.pub")
    vault("list", "list", "archive", "--key", "a.key")
    Path("archive").rename("before")
    vault("init", "init", "archive", "--to", "a.key.pub")
    refused = vault("list", "list", "archive", "--key", "a.key", code=1)
    assert "another archive is here" in refused


def test_storage(vault: Vault) -> None:
    Path("in").mkdir()
    Path("in/1.dcm").write_bytes(picture(1, BurnedInAnnotation="YES"))
    Path("in/2.dcm").write_bytes(b"nothing")
    document = vault("storage", "storage", "in")
    assert document["totals"]["jpeg2000-lossless"]["files"] == 1
    assert document["refused"] == 1
    (before,) = [path for path in Path("in").iterdir() if path.name == "1.dcm"]
    assert before.read_bytes()[128:132] == b"DICM"


@pytest.mark.slow
def test_bench(vault: Vault) -> None:
    assert len(vault("bench", "bench", "--megabytes", "1")["rows"]) == len(Suite)


def test_the_format_page_states_the_constants() -> None:
    for suite in Suite:
        assert re.search(rf"^\| {suite.number}\b", PAGE, re.MULTILINE)
    assert f"{limits.MIN_CHUNK_LOG2} to {limits.MAX_CHUNK_LOG2}; written: " in PAGE
    assert f"written: {limits.DEFAULT_CHUNK_LOG2}" in PAGE
    assert f"u8, 1 to {limits.MAX_RECIPIENTS}" in PAGE
    assert f"{limits.MAX_CONTEXT_BYTES:,} bytes" in PAGE
    for label in (suite.label for suite in Suite if suite is not Suite.ARCHIVE_GCM):
        assert f"`{label}`" in PAGE
