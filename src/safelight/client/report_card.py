"""A model card's Markdown as HTML: headings, paragraphs, lists, tables and code, no more.

A card comes with a model that may be a stranger's: everything is escaped, links stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from itertools import groupby

_RULE = re.compile(r"\|[\s:|-]+\|?")
_CODE = re.compile(r"`([^`]+)`")


def card_html(markdown: str) -> str:
    """The card as elements for a page that has headings of two levels above it."""
    return "\n".join(_blocks(markdown))


def _blocks(markdown: str) -> Iterator[str]:
    for kind, group in groupby(markdown.splitlines(), _kind):
        lines = [line.strip() for line in group]
        if kind == "heading":
            for line in lines:
                level = min(5, 2 + len(line) - len(line.lstrip("#")))
                yield f"<h{level}>{_inline(line.lstrip('# '))}</h{level}>"
        elif kind == "item":
            items = "".join(f"<li>{_inline(line[2:])}</li>" for line in lines)
            yield f"<ul>{items}</ul>"
        elif kind == "row":
            yield _table([line for line in lines if not _RULE.fullmatch(line)])
        elif kind == "text":
            yield f"<p>{_inline(' '.join(lines))}</p>"


def _kind(line: str) -> str:
    text = line.strip()
    for start, kind in (("#", "heading"), ("- ", "item"), ("* ", "item"), ("|", "row")):
        if text.startswith(start):
            return kind
    return "text" if text else "nothing"


def _table(lines: list[str]) -> str:
    rows = [[_inline(cell.strip()) for cell in line.strip("|").split("|")] for line in lines]
    head, *body = rows or [[]]
    top = "".join(f"<th>{cell}</th>" for cell in head)
    rest = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in body)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{rest}</tbody></table>"


def _inline(text: str) -> str:
    return _CODE.sub(r"<code>\1</code>", escape(text))
