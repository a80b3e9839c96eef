"""The help texts in docs/cli.md: made from the commands themselves.

Run ``python tests/unit/docs/help_blocks.py`` to write them after a change.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"
BLOCK = re.compile(r"<!-- help:([a-z -]*?)-->\n```text\n(.*?)```\n", re.DOTALL)
_WIDTH = "100"


def help_text(command: str) -> str:
    """What ``safelight COMMAND --help`` prints, 100 columns wide."""
    from safelight.cli.main import main

    before = {key: os.environ.get(key) for key in ("COLUMNS", "NO_COLOR")}
    os.environ.update(COLUMNS=_WIDTH, NO_COLOR="1")
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
            main([*command.split(), "--help"])
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value
    return printed.getvalue()


def with_help(page: str) -> str:
    """The page with every help text as it is now."""

    def filled(match: re.Match[str]) -> str:
        command = match[1].strip()
        mark = f"<!-- help: {command}{' ' if command else ''}-->"
        return f"{mark}\n```text\n{help_text(command)}```\n"

    return BLOCK.sub(filled, page)


if __name__ == "__main__":
    PAGE.write_text(with_help(PAGE.read_text("utf-8")), encoding="utf-8")
