"""Python examples run as they stand; the model of docs/model-format.md compiles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pages import PAGES, ROOT, code_blocks, name
from PIL import Image

from safelight.models.registry import compile_model, load_model_folder

HELD_OUT = ROOT / "src/safelight/models/shipped/wdbc-logistic/held_out.csv"
# Examples on radiographs make 100 MB of keys; exports of PyTorch take a while.
_SLOW = ("README.md", "bring-your-own-model.md")
_WITH_EXAMPLES = [
    pytest.param(page, id=name(page), marks=[pytest.mark.slow] if page.name in _SLOW else [])
    for page in PAGES
    if code_blocks(page, "python")
]


# What a page's examples need beyond the package.
_EXTRAS = {"bring-your-own-model.md": ("sklearn", "torch", "onnx", "onnxruntime", "onnxscript")}


@pytest.mark.parametrize("page", _WITH_EXAMPLES)
def test_python_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All examples of a page in one namespace, in order, in a folder with the files they name."""
    for package in _EXTRAS.get(page.name, ()):
        pytest.importorskip(package, reason=f"{package} comes with an extra")
    monkeypatch.chdir(tmp_path)
    shade = np.linspace(0, 255, 64 * 64).reshape(64, 64).astype(np.uint8)
    Image.fromarray(shade).save("chest.png")
    lines = HELD_OUT.read_text("utf-8").splitlines(keepends=True)
    Path("patients.csv").write_text("".join(lines[:4]))
    namespace: dict[str, object] = {}
    for block in code_blocks(page, "python"):
        exec(compile(block, name(page), "exec"), namespace)


def test_the_model_of_the_format_page_compiles(tmp_path: Path) -> None:
    (text,) = code_blocks(ROOT / "docs" / "model-format.md", "json")
    (tmp_path / "model.json").write_text(text, encoding="utf-8")
    np.savez(
        tmp_path / "weights.npz",
        **{"logit.weight": np.ones((1, 2)), "logit.bias": np.zeros(1)},
    )
    compiled = compile_model(load_model_folder(tmp_path))
    assert compiled.program.name == json.loads(text)["name"]
    assert compiled.signature.input_names == ("first", "second")
