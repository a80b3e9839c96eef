"""Configurations: what TOML may say, and what is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safelight.errors import InputError  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Convolution,
    Dense,
    Residual,
)
from safelight.models.training.config import config_from, read_config  # noqa: E402

WHOLE = """
[data]
path = "set.npz"
licence = "CC BY 4.0"

[model]
name = "mine"

[network]
kind = "layers"
layers = [{conv = 16, kernel = 5, stride = 2}, {residual = 16}, {dense = 32}]

[training]
minutes = 0
epochs = 3
seeds = [4, 5]
mixup = 0

[augmentation]
flip = 0.0
"""


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(WHOLE)
    config = read_config(path)
    assert config.data.path == str(tmp_path / "set.npz")
    assert config.network.hidden() == (Convolution(16, 5, 2, 2), Residual(16, 1), Dense(32))
    assert config.training.seeds == (4, 5)
    assert config.training.mixup == 0.0
    assert config.augmentation == {"flip": 0.0}


@pytest.mark.parametrize(
    ("document", "message", "hint"),
    [
        ({}, "either path or name", "breastmnist"),
        ({"data": {"path": "a", "name": "b"}}, "either path or name", ""),
        ({"dta": {}}, "'dta' is not a section", "'data'"),
        ({"data": {"nme": "x"}}, r"'nme' is not a field of \[data\]", "'name'"),
        ({"data": {"name": 3}}, "data.name must be a str", ""),
        ({"data": []}, "must be a table", ""),
        ({"data": {"name": "x"}, "training": {"epochs": "4"}}, "must be a int", ""),
        ({"data": {"name": "x"}, "training": {"minutes": 0}}, "needs minutes or epochs", ""),
        ({"data": {"name": "x"}, "network": {"kind": "wiide"}}, "'wiide'", "'wide'"),
        ({"data": {"name": "x"}, "network": {"kind": "layers"}}, "go together", ""),
        (
            {"data": {"name": "x"}, "network": {"kind": "layers", "layers": [{"pool": 2}]}},
            "layer 1",
            "conv = 16",
        ),
        (
            {"data": {"name": "x"}, "network": {"kind": "layers", "layers": [{"conv": -2}]}},
            "whole numbers",
            "",
        ),
    ],
)
def test_refusals(document: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        config_from(document)
    assert hint in caught.value.hint


def test_files_that_are_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("[data\n")
    with pytest.raises(InputError, match="not TOML"):
        read_config(tmp_path / "bad.toml")
