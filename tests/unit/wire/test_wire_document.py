"""docs/wire-format.md: its tables have no gaps and end where the code's headers end."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from safelight.wire import ciphertext, frame, keys, program, program_json, request, result
from wire_samples import program as sample_program

TEXT = (Path(__file__).parents[3] / "docs" / "wire-format.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
ROW = re.compile(r"^\| (\d+) \| (\d+) \|", re.MULTILINE)


def tables(section: str) -> list[int]:
    """Total length of each table of offsets in a section."""
    ends: list[int] = []
    for offset, size in ROW.findall(SECTIONS[section]):
        if offset == "0":
            ends.append(0)
        assert int(offset) == ends[-1], f"{section}: a gap at {offset}"
        ends[-1] += int(size)
    return ends


@pytest.mark.parametrize(
    ("section", "sizes"),
    [
        ("Prologue", [frame.PROLOGUE.size]),
        ("Ciphertext (kind 1)", [ciphertext.HEADER_BYTES]),
        ("Key (kind 2)", [keys.HEADER_BYTES]),
        ("Request (kind 3)", [request.HEADER_BYTES]),
        ("Program (kind 4)", [program.HEADER_BYTES]),
        (
            "Result (kind 5)",
            [
                result.HEADER_BYTES,
                result.MAX_STATEMENT_BYTES - result.MAX_JOB_CHARS - result.MAX_LEVEL_CHARS,
            ],
        ),
    ],
)
def test_tables_of_offsets(section: str, sizes: list[int]) -> None:
    assert tables(section) == sizes


def test_every_kind_and_step_is_described() -> None:
    for kind in frame.Kind:
        assert any(f"(kind {int(kind)})" in title for title in SECTIONS)
    document = program_json.program_to_json(sample_program(), lambda _: 0)
    for step in document["steps"]:
        assert f"`{step['op']}`" in SECTIONS["Program (kind 4)"]
        for field in step.keys() - {"left", "right"}:
            assert f"`{field}`" in SECTIONS["Program (kind 4)"]
