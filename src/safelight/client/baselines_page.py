"""The comparison of baselines as one HTML page, in the style of an evaluation's report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from safelight.client.report_page import PAGE_POLICY, PAGE_STYLE
from safelight.client.report_text import interval, number, table
from safelight.models.baselines.comparison import Row


def baselines_page(document: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """The page.

    Args:
        document: As ``results.json`` has it.
        rows: The table.
    """
    title = f"Baselines on {document['title']}"
    built = ", ".join(f"{k} {v}" for k, v in document["software"].items())
    body = [
        '<header><div class="eyebrow">Safelight baselines</div>',
        f"<h1>{escape(title)}</h1>",
        f"<div><code>{escape(document['dataset'])}</code> &nbsp; "
        f'<span class="level plain">{escape(document["level"])}</span></div>',
        '<p class="lead">Well-known models in the clear, on the splits of the encrypted ones. '
        "Everything chosen was chosen on validation; the test split was read once for each model. "
        "Models marked * also run encrypted, with the same answers.</p></header>",
        "<h2>Test split</h2>",
        "<p>In brackets 95 % intervals: stratified bootstrap for the AUC, Wilson for shares.</p>",
        table(
            ("model", "AUC", "accuracy", "precision", "recall", "F1", "RMSE", "loss", "ECE"),
            (
                (
                    escape(row.name) + (" *" if row.encrypted else ""),
                    interval(row.test.auc),
                    interval(row.test.accuracy),
                    number(row.test.precision),
                    number(row.test.recall),
                    number(row.test.f1),
                    number(row.test.rmse),
                    number(row.test.loss),
                    number(row.test.calibration.expected_error),
                )
                for row in rows
            ),
        ),
        "<h2>Training beside test</h2>",
        "<p>A training accuracy far above that of the test means learned by heart.</p>",
        table(
            ("model", "train loss", "test loss", "train accuracy", "test accuracy"),
            (
                (
                    escape(row.name),
                    number(row.train.loss),
                    number(row.test.loss),
                    number(row.train.accuracy.value),
                    number(row.test.accuracy.value),
                )
                for row in rows
            ),
        ),
        "<h2>Confusion matrices</h2>",
        *(_confusion(row) for row in rows if row.test.confusion is not None),
        "<h2>Cost in the clear</h2>",
        table(
            ("model", "learned numbers", "fitted in, s", "one input, ms", "notes"),
            (
                (
                    escape(row.name),
                    f"{row.parameter_count:,}",
                    number(row.fit_seconds, 0),
                    number(row.milliseconds, 2),
                    escape(row.notes),
                )
                for row in rows
            ),
        ),
        '<footer><p class="warning">Research use only; not a medical device.</p>'
        f"<p>Made by <code>{escape(document['command'])}</code>. {escape(built)}.</p></footer>",
    ]
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{PAGE_POLICY}">',
            f"<title>{escape(title)}</title><style>{PAGE_STYLE.read_text(encoding='utf-8')}",
            "</style></head><body><main>",
            *body,
            "</main></body></html>\n",
        ]
    )


def _confusion(row: Row) -> str:
    names = [escape(name) for name in row.test.labels]
    counts = row.test.confusion or ()
    return f"<h3>{escape(row.name)}</h3>" + table(
        ("truth", *(f"decided {name}" for name in row.test.labels)),
        ((name, *map(str, line)) for name, line in zip(names, counts, strict=True)),
    )
