"""Commands as a person types them: another process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from safelight.cli.main import main

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
CLEARED = (
    "SAFELIGHT_TOKEN",
    "SAFELIGHT_PASSPHRASE_FILE",
    "SAFELIGHT_NEW_PASSPHRASE_FILE",
    "SAFELIGHT_DEBUG",
)


@dataclass(frozen=True)
class Transcript:
    """What a command did."""

    code: int
    out: str
    err: str

    def document(self, schema: str) -> dict[str, Any]:
        """The one JSON document on standard output, valid by its published schema."""
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out)
        published = json.loads((SCHEMAS / f"{schema}.schema.json").read_text("utf-8"))
        jsonschema.validate(found, published)
        return found

    def refusal(self, *secrets: str) -> str:
        """The message of a command that ended with one error and at most one hint."""
        assert self.code == 1, (self.code, self.err)
        assert self.out == ""
        lines = self.err.splitlines()
        assert lines
        assert lines[0].startswith("error: ")
        assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: ")), self.err
        assert "Traceback" not in self.err
        for secret in secrets:
            assert secret not in self.err
        return lines[0].removeprefix("error: ")


def in_process(
    capsys: pytest.CaptureFixture[str], *arguments: str | Path, **environment: str
) -> Transcript:
    """The same in this process, where many are needed."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        for name in CLEARED:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = main([str(argument) for argument in arguments])
    streams = capsys.readouterr()
    return Transcript(code, streams.out, streams.err)


def safelight(*arguments: str | Path, **environment: str) -> Transcript:
    """Runs ``safelight`` with these arguments; warnings are errors there too."""
    kept = {name: value for name, value in os.environ.items() if name not in CLEARED}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "safelight.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        env=kept | environment,
    )
    return Transcript(done.returncode, done.stdout, done.stderr)
