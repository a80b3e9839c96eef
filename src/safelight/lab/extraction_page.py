"""The report of model extraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safelight.client.report_style import SEQUENCE, WITHOUT, new_figure, tidy
from safelight.lab.extraction import GOAL, ExtractionRow, queries_needed
from safelight.lab.page import Section, write_page

_READING = (
    "A client asks about images of its own and trains a copy on the answers. Agreement is the "
    "share of unseen images on which copy and original decide alike. Encryption does not slow "
    "this: the client holds the key and reads the answers at every level.",
    "What slows it: coarser answers, and quotas. The last table turns queries into days for quotas "
    "an operator may set per client.",
)
_QUOTAS_PER_DAY = (50, 200, 1000)


def extraction_document(rows: Sequence[ExtractionRow], model: str, seed: int) -> dict[str, Any]:
    """The rows and the queries needed."""
    needed = {name: queries_needed(list(rows), name) for name in _answers(rows)}
    return {
        "model": model,
        "seed": seed,
        "goal": GOAL,
        "queries_needed": needed,
        "rows": [asdict(row) for row in rows],
    }


def write_extraction_page(
    folder: Path, rows: Sequence[ExtractionRow], *, model: str, command: str, seed: int
) -> Path:
    """Writes the page, its figure and results.json; returns the page's path."""
    document = extraction_document(rows, model, seed)
    needed = document["queries_needed"]
    said = "; ".join(f"{name}: {_count(count)}" for name, count in needed.items())
    most = max(row.queries for row in rows)
    return write_page(
        folder,
        title=f"Extracting a copy of {model}",
        lead=f"Queries until a copy agrees in {100 * GOAL:.0f} % (at most {most} were tried). "
        f"{said}.",
        sections=(
            Section(
                "Agreement by queries",
                _READING,
                ("answers", "queries", "agreement", "smallest", "largest"),
                [
                    [r.answers, str(r.queries), f"{r.agreement:.3f}", f"{r.agreement_low:.3f}",
                     f"{r.agreement_high:.3f}"]
                    for r in rows
                ],
                figures={"extraction": _figure(rows)},
            ),
            Section(
                "Days under a quota",
                (),
                ("answers", *(f"{quota} a day" for quota in _QUOTAS_PER_DAY)),
                [
                    [name, *(f"over {most // q}" if n is None else f"{n / q:.1f}"
                             for q in _QUOTAS_PER_DAY)]
                    for name, n in needed.items()
                ],
            ),
        ),
        document=document,
        command=command,
    )  # fmt: skip


def _count(count: int | None) -> str:
    return "not reached" if count is None else str(count)


def _answers(rows: Sequence[ExtractionRow]) -> list[str]:
    return list(dict.fromkeys(row.answers for row in rows))


def _figure(rows: Sequence[ExtractionRow]) -> object:
    figure = new_figure(7.2, 3.6)
    axes = tidy(figure.add_subplot())
    for colour, name in zip(SEQUENCE, _answers(rows), strict=False):
        own = [row for row in rows if row.answers == name]
        queries = [row.queries for row in own]
        axes.plot(queries, [row.agreement for row in own], "o-", color=colour, label=name)
        low, high = [row.agreement_low for row in own], [row.agreement_high for row in own]
        axes.fill_between(queries, low, high, color=colour, alpha=0.15)
    axes.axhline(GOAL, linestyle="--", color=WITHOUT)
    axes.set_xscale("log")
    axes.set_xlabel("queries")
    axes.set_ylabel("agreement on unseen images")
    axes.legend(loc="lower right")
    axes.set_title("A copy's agreement with the original; dashed: the goal")
    return figure
