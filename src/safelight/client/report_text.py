"""Numbers and tables of a report as HTML; everything from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from safelight.models.proportions import Estimate

MISSING = "–"


def number(value: float | None, decimals: int = 3) -> str:
    """With this many decimals; a dash for what is not known."""
    return MISSING if value is None else f"{value:.{decimals}f}"


def interval(found: Estimate, decimals: int = 3) -> str:
    """``0.979 (0.966–0.989)``, the interval small."""
    text = number(found.value, decimals)
    if found.low is None or found.high is None:
        return text
    return f"{text} <small>({found.low:.{decimals}f}–{found.high:.{decimals}f})</small>"


def percent_range(found: Estimate) -> str:
    """``92 to 97 %``."""
    if found.low is None or found.high is None:
        return "unknown"
    return f"{100 * found.low:.0f} to {100 * found.high:.0f} %"


def milliseconds(value: float) -> str:
    """A duration for people."""
    return f"{value:.3g} ms" if value < 1000 else f"{value / 1000:.3g} s"


def byte_count(value: float) -> str:
    """A size for people, in powers of 1000."""
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} GB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers_from: int = 1) -> str:
    """A table; cells are HTML already, columns from ``numbers_from`` on are right-aligned."""

    def cell(tag: str, place: int, text: str) -> str:
        kind = ' class="number"' if place >= numbers_from else ""
        return f"<{tag}{kind}>{text}</{tag}>"

    lines = ["<table>"]
    if any(head):
        cells = "".join(cell("th", place, escape(text)) for place, text in enumerate(head))
        lines.append(f"<thead><tr>{cells}</tr></thead>")
    lines.append("<tbody>")
    for row in rows:
        cells = "".join(
            cell("td" if place else "th", place, text) for place, text in enumerate(row)
        )
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join([*lines, "</tbody>", "</table>"])


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """A table of a name and a value a row, without a head."""
    return table((), rows, numbers_from=9)


def tile(value: str, label: str, detail: str, *, encrypted: bool = False) -> str:
    """One number at a glance."""
    kind = "tile encrypted" if encrypted else "tile"
    return f'<div class="{kind}"><span>{label}</span><b>{value}</b><span>{detail}</span></div>'


def digest(text: str) -> str:
    """A digest that may break anywhere."""
    return f'<span class="digest">{escape(text)}</span>'
