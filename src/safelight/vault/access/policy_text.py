"""Cedar text cut into policies, each with its line, so that errors can name a place.

Cedar itself names neither a file nor a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What matters for cutting: comments, strings, and the semicolon that ends a policy.
_TOKEN = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*+"|;|\n|[^/";\n]+|.', re.DOTALL)


@dataclass(frozen=True)
class PolicyText:
    """One policy.

    Args:
        file: Name of its file.
        line: Where it begins, from 1.
        text: The policy with its annotations and semicolon.
    """

    file: str
    line: int
    text: str

    @property
    def place(self) -> str:
        """For messages."""
        return f"{self.file}, line {self.line}"


def cut_policies(file: str, content: str) -> list[PolicyText]:
    """The policies of a file, in order; a rest without a semicolon is one too.

    Args:
        file: Its name.
        content: Its text.
    """
    found: list[PolicyText] = []
    parts: list[str] = []
    line, start = 1, 0
    for match in _TOKEN.finditer(content):
        piece = match[0]
        # a comment before a policy is not a part of it
        if start or not (piece.startswith("//") or piece.isspace()):
            start = start or line
            parts.append(piece)
        line += piece.count("\n")
        if piece == ";":
            found.append(PolicyText(file, start, "".join(parts)))
            parts, start = [], 0
    if "".join(parts).strip():
        found.append(PolicyText(file, start, "".join(parts)))
    return found
