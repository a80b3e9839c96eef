"""Many files, one after the other: what is refused does not stop the rest."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from safelight.errors import InputError


@dataclass
class Batch:
    """What became of the files.

    Args:
        results: One for each file, with ``source``; with ``error`` where it was refused.
        refused: How many were.
    """

    results: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0


def files_below(source: Path) -> list[Path]:
    """The file, or all files below the folder, in order of their names.

    Raises:
        InputError: there is nothing.
    """
    if source.is_dir():
        found = sorted(path for path in source.rglob("*") if path.is_file())
    else:
        found = [source] if source.is_file() else []
    if not found:
        raise InputError(f"{source.name} is not a file, nor a folder with files")
    return found


def for_each_file(
    files: list[Path], work: Callable[[Path, int], dict[str, Any]], label: str
) -> Batch:
    """Runs ``work(path, number)`` on every file; an `InputError` is noted.

    A single file is no batch: its error is raised.
    """
    batch = Batch()
    with progress_bar(label) as progress:
        for number, path in enumerate(files):
            try:
                batch.results.append({"source": str(path), **work(path, number)})
            except InputError as exc:
                if len(files) == 1:
                    raise
                batch.refused += 1
                batch.results.append({"source": str(path), "error": exc.message})
            progress(number + 1, len(files))
    return batch


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal; gives ``progress(done, total)``."""
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
