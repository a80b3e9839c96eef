"""A self-contained HTML page for any report of the lab: words, tables, figures, pictures."""

from __future__ import annotations

import base64
import io
import json
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight import __version__, client
from safelight.client.report import DOCUMENT, PAGE
from safelight.client.report_style import to_png, to_svg
from safelight.client.report_text import facts, table
from safelight.lab.extras import extra

_STYLE = Path(client.__file__).with_name("report_page.css")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PICTURE_STYLE = (
    ".pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:14px}"
    ".pictures img{width:100%;image-rendering:pixelated;display:block}"
)


@dataclass
class Section:
    """One heading and what is under it.

    Args:
        title: The heading.
        paragraphs: Plain text; what stands between backticks is code.
        head: Of the table; none without rows.
        rows: Cells as plain text.
        text_columns: How many columns, from the left, are words; the others are numbers.
        figures: matplotlib figures by name, unique on the page.
        pictures: Caption to uint8 ``[shown, rows, columns]``, drawn one below another.
    """

    title: str
    paragraphs: Sequence[str] = ()
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    text_columns: int = 1
    figures: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def to_html(self) -> str:
        """The section as HTML."""
        parts = [f"<h2>{escape(self.title)}</h2>"]
        parts += [f"<p>{_with_code(text)}</p>" for text in self.paragraphs]
        if self.rows:
            cells = [[escape(cell) for cell in row] for row in self.rows]
            parts.append(table(self.head, cells, numbers_from=self.text_columns))
        if self.figures:
            drawn = (f"<figure>{to_svg(f, name)}</figure>" for name, f in self.figures.items())
            parts.append(f'<div class="figures">{"".join(drawn)}</div>')
        if self.pictures:
            shown = (
                f'<figure><img alt="{escape(caption)}" src="{_data_uri(stack)}">'
                f"<figcaption>{escape(caption)}</figcaption></figure>"
                for caption, stack in self.pictures.items()
            )
            parts.append(f'<div class="pictures">{"".join(shown)}</div>')
        return "\n".join(parts)


def _with_code(text: str) -> str:
    """Escaped text in which `words between backticks` are code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def machine() -> dict[str, str]:
    """What a figure depends on and a reader cannot guess."""
    return {
        "safelight": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": f"{platform.system()} {platform.machine()}",
    }


def write_page(
    folder: Path,
    *,
    title: str,
    lead: str,
    sections: Sequence[Section],
    document: Mapping[str, Any],
    command: str,
) -> Path:
    """Writes ``index.html``, a PNG a figure and ``results.json``; returns the page's path.

    Args:
        folder: Exists.
        title: Of the page.
        lead: The first sentence: what was found.
        sections: In order.
        document: What ``results.json`` holds, with ``seed``.
        command: Gives the same page again.
    """
    for section in sections:
        for name, figure in section.figures.items():
            (folder / f"{name}.png").write_bytes(to_png(figure))
    about = [(name, escape(value)) for name, value in machine().items()]
    about += [("command", f"<code>{escape(command)}</code>")]
    about += [("seed", str(document["seed"]))] if "seed" in document else []
    style = _STYLE.read_text(encoding="utf-8") + _PICTURE_STYLE
    lines = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{style}</style></head><body><main>",
        f'<header><div class="eyebrow">Safelight lab</div><h1>{escape(title)}</h1>',
        f'<p class="lead">{escape(lead)}</p></header>',
        *(section.to_html() for section in sections),
        f"<footer>{facts(about)}<p class=warning>Research use only; not a medical device.</p>",
        "</footer></main></body></html>\n",
    ]
    path = folder / PAGE
    path.write_text("\n".join(lines), encoding="utf-8")
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    (folder / DOCUMENT).write_text(text, encoding="utf-8")
    return path


def _data_uri(stack: NDArray[np.uint8]) -> str:
    """The pictures one below another, as a PNG inside the page."""
    pillow = extra("PIL.Image", "lab")
    stream = io.BytesIO()
    gap = np.full((len(stack), 2, *stack.shape[2:]), 255, np.uint8)
    pillow.fromarray(np.concatenate([stack, gap], axis=1).reshape(-1, *stack.shape[2:])).save(
        stream, "PNG"
    )
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
