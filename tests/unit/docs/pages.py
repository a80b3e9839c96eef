"""The pages of the documentation, and what they are made of."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGES = tuple(
    sorted(
        path
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
        if not path.name.startswith(".")
    )
)
_BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    """The page relative to the repository, for test ids."""
    return page.relative_to(ROOT).as_posix()


def code_blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return [text for kind, text in _BLOCK.findall(page.read_text("utf-8")) if kind == language]


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def shell_commands(page: Path) -> list[str]:
    """What is typed in the console blocks: lines after ``$``, continuations joined."""
    commands = []
    for block in code_blocks(page, "console"):
        joined = block.replace("\\\n", " ")
        commands += [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]
    return commands
