"""Where PyTorch is not installed, `safelight train` says what to install."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from safelight.cli.main import main


def test_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec

    def absent(name: str, *rest: Any) -> Any:
        return None if name == "torch" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    assert main(["train", "breastmnist"]) == 1
    assert "safelight[train]" in capsys.readouterr().err
