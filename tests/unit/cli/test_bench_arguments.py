"""``safelight bench``: names and options in any order; what it prints has its schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import jsonschema
import pytest

from safelight.cli import bench
from safelight.cli.main import main

ROW = {
    "model": "m",
    "models": 1,
    "ready_ms": 1.0,
    "first_answer_ms": 2.0,
    "answer_ms": 3.0,
    "answers_per_s": 4.0,
    "peak_memory_mb": 5.0,
    "memory_mb": 5.0,
}
SCHEMA = Path(__file__).parents[3] / "docs" / "schemas" / "bench.schema.json"


@pytest.mark.parametrize(
    "line",
    [
        "workloads lola mlp --threads 2 --json",
        "workloads --json lola --threads 2 mlp",
        "--threads 2 workloads lola --json mlp",
        "--json --threads 2 workloads lola mlp",
    ],
)
def test_names_stand_anywhere(line: str) -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    bench.add_arguments(commands.add_parser("bench"))
    found = parser.parse_args(["bench", *line.split()])
    assert (found.what, found.names, found.threads, found.json) == (
        "workloads",
        ["lola", "mlp"],
        2,
        True,
    )


def test_the_service_bench_prints_its_schema(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [ROW | dict.fromkeys(("first_answer_ms", "answer_ms", "answers_per_s")), ROW]
    asked: list[object] = []

    def measure(names: list[str], threads: int | None) -> list[dict[str, object]]:
        asked.append((names, threads))
        return rows

    monkeypatch.setattr("safelight.lab.bench_service.bench_service", measure)
    assert main(["bench", "service", "--json", "m"]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.validate(printed, json.loads(SCHEMA.read_text()))
    assert printed == rows
    assert asked == [(["m"], None)]
    assert main(["bench", "service", "m"]) == 0
    assert "first answer" in capsys.readouterr().out
