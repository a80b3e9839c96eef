"""README's table of models has the figures of the models as they are shipped."""

from __future__ import annotations

import json

import pytest
from pages import ROOT

from safelight.circuit.explain import explain
from safelight.cli.console import byte_count
from safelight.models.registry import SHIPPED, compiled_model, model_names

README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize("name", model_names())
def test_figures_of_a_model(name: str) -> None:
    (row,) = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    found = json.loads((SHIPPED / name / "evaluation.json").read_text("utf-8"))
    _, compiled = compiled_model(name)
    plan = explain(compiled)
    sizes = [byte_count(plan[key]) for key in ("key_bytes", "upload_bytes", "download_bytes")]
    expected = [str(compiled.program.parameters.n), *sizes]
    assert cells[2:6] == expected
    assert cells[6].startswith(f"{found['n']} ")
    assert cells[7:9] == [f"{found['accuracy']:.3f}", f"{found['auc']:.3f}"]
