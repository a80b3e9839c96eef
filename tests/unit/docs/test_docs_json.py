"""What ``--json`` prints validates against docs/schemas, and docs/cli.md names every field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pages import ROOT

from safelight.cli.main import main

SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text("utf-8"))
    for path in sorted((ROOT / "docs" / "schemas").glob("*.json"))
}
HELD_OUT = ROOT / "src/safelight/models/shipped/wdbc-logistic/held_out.csv"
PAGE = (ROOT / "docs" / "cli.md").read_text("utf-8")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_one_and_linked(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])
    assert f"(schemas/{name}.schema.json)" in PAGE


def fields(schema: dict[str, Any]) -> set[str]:
    """Names of all fields of a schema, nested ones too."""
    found = set(schema.get("properties", {}))
    nested = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    nested += schema.get("$defs", {}).values()
    nested += [schema[key] for key in ("items", "additionalProperties") if key in schema]
    for part in nested:
        if isinstance(part, dict):
            found |= fields(part)
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_is_described(name: str) -> None:
    described = set(re.findall(r"`(\w+)`", PAGE))
    assert fields(SCHEMAS[name]) <= described


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """The JSON document that a command prints."""
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("info", ("info",)),
        ("models", ("models",)),
        ("model", ("models", "wdbc-logistic")),
        ("compile", ("compile", "wdbc-logistic")),
        ("compile", ("compile", "wdbc-logistic", "--explain")),
        ("evaluate", ("evaluate", "wdbc-logistic", "--encrypted", "3")),
        ("evaluate", ("evaluate", "wdbc-logistic", "--encrypted", "1")),
    ],
)
def test_printed_object(
    name: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema.validate(printed(capsys, *arguments), SCHEMAS[name])


def test_diagnose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "patients.csv"
    table.write_text("".join(HELD_OUT.read_text("utf-8").splitlines(keepends=True)[:4]))
    document = printed(capsys, "diagnose", str(table), "--model", "wdbc-logistic")
    jsonschema.validate(document, SCHEMAS["diagnose"])
    assert [d["source"] for d in document["diagnoses"]] == [f"{table}#{row}" for row in (1, 2, 3)]
    for diagnosis in document["diagnoses"]:
        for probability in diagnosis["probabilities"].values():
            assert probability == round(probability, 3)


def test_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a long one, for this test only\n")
    monkeypatch.setenv("SAFELIGHT_PASSPHRASE_FILE", str(passphrase))
    monkeypatch.setenv("SAFELIGHT_NEW_PASSPHRASE_FILE", str(passphrase))
    file = tmp_path / "clinic.key"
    made = printed(capsys, "keys", "new", str(file), "--model", "wdbc-logistic")
    jsonschema.validate(made, SCHEMAS["keys"])
    assert printed(capsys, "keys", "show", str(file)) == made
    assert printed(capsys, "keys", "passphrase", str(file)) == made


def test_key_file_is_laid_out_as_documented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reads docs/key-file.md's offsets in a key file."""
    from safelight.ckks.key_file import save_key_file
    from safelight.ckks.parameters import Parameters
    from safelight.ckks.secret import SecretKeys

    keys = SecretKeys.generate(Parameters.from_bits(4096, [36, 33, 37]))
    path = tmp_path / "clinic.key"
    save_key_file(keys, path, "a long one, for this test only")
    data = path.read_bytes()
    assert data[:4] == b"SLKF"
    assert int.from_bytes(data[4:6], "little") == 1
    size = int.from_bytes(data[6:10], "little")
    header = json.loads(data[10 : 10 + size])
    text = (ROOT / "docs" / "key-file.md").read_text("utf-8")
    example = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert example is not None
    documented = json.loads(example[1])
    assert header.keys() == documented.keys()
    assert header["kdf"] == documented["kdf"]
    assert len(data) == 22 + size + 8 * 4096 * 3 + 16
    assert path.stat().st_mode & 0o777 == 0o600
