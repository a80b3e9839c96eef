"""``safelight access`` and the rules of ``safelight vault``."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("cedarpy", reason="the extra `access` is not installed")

from safelight.cli.main import main
from safelight.vault.access.requests import AccessRequest, Consent, ServiceResource
from safelight.vault.audit.reading import LogReader
from safelight.vault.gate import permit

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples" / "policies"


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def valid(name: str, text: str) -> None:
    schema = json.loads((ROOT / "docs" / "schemas" / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.validate(json.loads(text), schema)


def test_json_is_as_described(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    valid("access-check", run(capsys, "access", "check", EXAMPLES, "--json")[1])
    valid("access-test", run(capsys, "access", "test", EXAMPLES, "--json")[1])
    valid("access-schema", run(capsys, "access", "schema", "--json")[1])
    request = tmp_path / "request.json"
    request.write_text(
        '{"client": "ward-3", "action": "infer", "resource": {"model": "m"}, "purpose": "care"}'
    )
    code, out, _ = run(capsys, "access", "explain", EXAMPLES, "--request", request, "--json")
    valid("access-explain", out)
    assert (code, json.loads(out)["decision"]) == (0, "allow")


def test_explain_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SAFELIGHT_POLICIES", str(EXAMPLES))
    asked = ("access", "explain", "--client", "archive-desk", "--do", "get", "--study", "4f")
    code, out, _ = run(capsys, *asked)
    assert (code, out.splitlines()[0]) == (1, "deny: denied, because no policy permits it")
    code, out, _ = run(capsys, *asked, "--site", "north")
    assert (code, out.splitlines()[0]) == (0, "allow: permitted by archivists-north")


def test_a_failing_case_fails_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    case = {
        "name": "wishful",
        "request": {"client": "visitor", "action": "administer", "resource": {"service": "s"}},
        "expected": "allow",
    }
    (tmp_path / "cases.json").write_text(json.dumps({"cases": [case]}))
    code, out, _ = run(capsys, "access", "test", EXAMPLES, "--cases", tmp_path / "cases.json")
    assert code == 1
    assert "wishful: expected allow, decided deny by never-guests" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("check",), "no policies are given"),
        (("check", "missing"), "not one"),
        (("check", "."), "no *.cedar file"),
        (("explain", str(EXAMPLES)), "--client and --do"),
        (("explain", str(EXAMPLES), "--request", "missing"), "cannot be read"),
        (("explain", str(EXAMPLES), "--client", "a b", "--do", "infer"), "1 to 128 letters"),
        (
            ("explain", str(EXAMPLES), "--client", "a", "--do", "list", "--now", "today"),
            "time is not one",
        ),
        (("test", str(EXAMPLES), "--cases", "missing"), "cannot be read"),
    ],
)
def test_what_cannot_be_is_said(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SAFELIGHT_POLICIES", raising=False)
    code, _, error = run(capsys, "access", *arguments)
    assert code == 1
    assert message in error


def test_the_vault_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("phrase").write_text("a long one, for this test only\n")
    for name in ("SAFELIGHT_PASSPHRASE_FILE", "SAFELIGHT_NEW_PASSPHRASE_FILE"):
        monkeypatch.setenv(name, "phrase")
    assert run(capsys, "vault", "keys", "new", "k")[0] == 0
    Path("image").write_bytes(b"an image")
    vault = ("vault", "--policies", EXAMPLES, "--audit", "log")
    seal = ("seal", "image", "sealed", "--to", "k.pub")
    code, _, error = run(capsys, *vault, "--as", "ward-3", *seal)
    assert (code, "do not allow seal for ward-3" in error) == (1, True)
    assert not Path("sealed").exists()
    assert run(capsys, *vault, "--as", "archive-desk", *seal)[0] == 0
    reader = LogReader(Path("log"))
    reader.verify()
    assert [entry["decision"] for entry in reader.entries()] == ["deny", "allow"]
    assert b"archive-desk" not in (Path("log") / "entries").read_bytes()
    monkeypatch.setenv("SAFELIGHT_POLICIES", str(tmp_path / "missing"))
    assert "not one" in run(capsys, "vault", *seal)[2]


@pytest.mark.parametrize("name", ["ab12", "AB" * 32])
def test_no_rule_is_passed_by_with_the_beginning_of_an_id(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    """A rule that forbids one object names it by its whole id."""
    vault = ("vault", "--policies", EXAMPLES, "--audit", tmp_path / "log", "--as", "archive-desk")
    code, _, error = run(capsys, *vault, "get", tmp_path, name, tmp_path / "out", "--key", "k")
    assert (code, "named by its whole id" in error) == (1, True)
    assert not (tmp_path / "log").exists()


def test_the_log_keeps_what_was_claimed_of_consent(tmp_path: Path) -> None:
    asked = AccessRequest(
        "desk", "open", ServiceResource("vault"), purpose="care", consent=Consent(True)
    )
    permit([asked], policies=None, audit=tmp_path / "log")
    (entry,) = LogReader(tmp_path / "log").entries()
    assert (entry["purpose"], entry["consent"]) == ("care", "given")
