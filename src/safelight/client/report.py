"""Writes the report of an evaluation: a page, its figures as PNG, all figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safelight.client.full_evaluation import FullEvaluation
from safelight.client.report_figures import figures
from safelight.client.report_page import report_page
from safelight.client.report_style import new_figure, to_png, to_svg
from safelight.errors import InputError

PAGE, DOCUMENT = "index.html", "results.json"


def check_report_folder(folder: Path) -> None:
    """Makes the folder, before anything long begins.

    Raises:
        InputError: It cannot be made, or matplotlib is missing.
    """
    new_figure(1, 1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(
            f"the report's folder {folder.name!r} cannot be made ({exc.strerror})",
            hint="give another folder",
        ) from exc


def write_report(
    folder: Path,
    found: FullEvaluation,
    document: Mapping[str, Any],
    *,
    card: str,
    command: str,
    software: Mapping[str, object],
) -> Path:
    """Writes ``index.html``, a PNG a figure and ``results.json``; returns the page's path.

    Args:
        folder: Made by `check_report_folder`.
        found: The evaluation.
        document: What ``results.json`` is to hold.
        card: The model's card.
        command: Gives the same report again.
        software: Version and engine.
    """
    svgs = {}
    for name, draw in figures(found).items():
        figure = draw(found)
        (folder / f"{name}.png").write_bytes(to_png(figure))
        svgs[name] = to_svg(figure, name)
    page = report_page(found, svgs, card=card, command=command, software=software)
    path = folder / PAGE
    path.write_text(page, encoding="utf-8")
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    (folder / DOCUMENT).write_text(text, encoding="utf-8")
    return path
