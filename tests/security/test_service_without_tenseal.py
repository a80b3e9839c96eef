"""The service needs no TenSEAL: it answers in an environment where importing it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from safelight.circuit.reference import evaluate
from safelight.client.client import Client
from safelight.client.local_service import LocalService
from safelight.models.registry import load_model


def test_the_service_answers_where_tenseal_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tenseal.py").write_text("raise ImportError('not installed here')\n")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    blocked = subprocess.run(
        [sys.executable, "-c", "import tenseal"], capture_output=True, check=False
    )
    assert blocked.returncode != 0, "the block must block, or this test shows nothing"

    model = load_model("wdbc-logistic")
    inputs = np.random.default_rng(7).normal(size=(5, 30))
    with (
        LocalService((model.name,)) as service,
        Client(service.url, service.token, service_key=service.public_key) as client,
    ):
        found = client.infer(model.name, inputs).unrounded_probabilities[:, 1]
    logits = evaluate(model.graph, inputs)[:, 0]
    assert np.abs(found - 1 / (1 + np.exp(-logits))).max() < 1e-4
