"""One printer of progress: bars on a terminal, elsewhere lines of what has something to say."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from safelight.cli.console import Watcher, watcher


def test_without_a_terminal_a_note_is_said_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    with watcher(stays=True) as watch:
        watch.say("choosing a network")
        for epoch in range(1, 41):
            watch.progress("seed 0", epoch, 40, f"AUC 0.{epoch}")
            watch.progress("silent", epoch, 40)
            watch("packing", epoch, 40)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert lines[0] == "choosing a network"
    assert lines[1] == "seed 0: 4/40, AUC 0.4"
    assert len(lines) == 11


def test_on_a_terminal_there_is_a_bar_for_each_known_phase() -> None:
    console = Console(file=io.StringIO(), force_terminal=True)
    with Progress(TextColumn("{task.description}{task.fields[note]}"), console=console) as progress:
        watch = Watcher(progress)
        watch("packing", 1, 3)
        watch("of no concern to a person", 1, 3)
        watch("replace", 1, 1)  # over before it could be seen
        watch.progress("seed 0", 2, 4, "AUC 0.9")
        watch.progress("seed 0", 4, 4)
        watch.progress("seed 0", 0, 4)  # once more
    assert [(task.description, task.completed) for task in progress.tasks] == [
        ("placing values in slots", 1),
        ("seed 0", 4),
        ("seed 0", 0),
    ]
