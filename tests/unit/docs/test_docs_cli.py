"""docs/cli.md says what the commands say; every command line in the pages is one."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import help_blocks
import pytest
from pages import PAGES, ROOT, name, shell_commands

from safelight.cli.main import SUBCOMMANDS, _module, main

PAGE = ROOT / "docs" / "cli.md"
_BLOCKS = [(c.strip(), t) for c, t in help_blocks.BLOCK.findall(PAGE.read_text("utf-8"))]


def words(text: str) -> str:
    """Text without its line breaks, which differ between releases of Python."""
    return " ".join(text.split())


@pytest.mark.parametrize(("command", "text"), _BLOCKS, ids=[c or "safelight" for c, _ in _BLOCKS])
def test_help_is_quoted_as_it_is(command: str, text: str) -> None:
    hint = "run: python tests/unit/docs/help_blocks.py"
    assert words(text) == words(help_blocks.help_text(command)), hint


def test_every_command_has_its_section() -> None:
    sections = re.findall(r"^## (\w+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(sections) == set(SUBCOMMANDS)
    assert {command.split()[0] for command, _ in _BLOCKS if command} == set(SUBCOMMANDS)


def _safelight_commands() -> list[tuple[str, str]]:
    return [
        (name(page), command)
        for page in PAGES
        for command in shell_commands(page)
        if command.startswith("safelight ")
    ]


@pytest.mark.parametrize(("page", "command"), _safelight_commands())
def test_command_lines_are_accepted(
    page: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = shlex.split(command)[1:]
    parsed: list[argparse.Namespace] = []

    def remember(found: argparse.Namespace) -> int:
        parsed.append(found)
        return 0

    module = _module(arguments[0])
    monkeypatch.setattr(module, "run", remember)
    assert main(arguments) == 0
    assert len(parsed) == 1


def test_environment_variables_are_documented() -> None:
    used: set[str] = set()
    for folder, pattern in (("src", "*.py"), ("native", "*.cpp")):
        for path in (ROOT / folder).rglob(pattern):
            used |= set(re.findall(r"\"(SAFELIGHT_[A-Z_]+)\"", path.read_text("utf-8")))
    documented = set(re.findall(r"`(SAFELIGHT_[A-Z_]+)`", PAGE.read_text("utf-8")))
    assert used <= documented
    assert Path(PAGE).is_file()
