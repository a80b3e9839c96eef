"""What `safelight evaluate` counts, on a client that answers in the clear with known errors."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from safelight.circuit.reference import evaluate
from safelight.client.client import Answer
from safelight.client.evaluation import PHASES, evaluate_model
from safelight.client.receipt import Receipt
from safelight.models.held_out import HeldOut
from safelight.models.registry import compiled_model, load_model

NAME = "wdbc-logistic"
MODEL = load_model(NAME)
SIGNATURE = compiled_model(NAME)[1].signature
RECEIPT = Receipt(
    "job", "key", "request", "model", "program", "parameters", "keys", "result", 0, "level", "", ""
)


class ClearClient:
    """A client without a service: probabilities in the clear, changed by a function."""

    def __init__(self, error: Any) -> None:
        self.error = error
        self.requests: list[int] = []

    def model(self, name: str) -> Any:
        assert name == NAME
        return SimpleNamespace(signature=SIGNATURE)

    def ensure_keys(self, name: str) -> Any:
        return SimpleNamespace(keygen_ms=10.0, upload_ms=5.0, uploaded_bytes=1000)

    def infer(self, name: str, inputs: np.ndarray) -> Answer:
        self.requests.append(len(inputs))
        positive = SIGNATURE.probabilities(evaluate(MODEL.graph, inputs))[:, 1]
        changed = self.error(positive)
        timings = dict.fromkeys(PHASES, float(len(self.requests)))
        probabilities = np.stack([1 - changed, changed], axis=1)
        return Answer(probabilities, timings, 300, 100, RECEIPT)


def data(count: int) -> HeldOut:
    inputs = np.random.default_rng(2).normal(size=(count, 30))
    clear = SIGNATURE.probabilities(evaluate(MODEL.graph, inputs))[:, 1]
    return HeldOut("random/test", inputs, (clear >= 0.5).astype(np.int64))


def run(error: Any, count: int = 150, encrypted: int | None = None) -> tuple[Any, ClearClient]:
    client = ClearClient(error)
    return evaluate_model(client, MODEL, data(count), encrypted), client  # type: ignore[arg-type]


def test_equal_answers_agree() -> None:
    found, client = run(lambda p: p)
    assert client.requests == [64, 64, 22]
    assert found.requests == 3
    assert found.records_per_ciphertext == 64
    assert found.clear.n == found.encrypted.n == 150
    assert found.agreement == 1.0
    assert found.max_probability_difference == 0.0
    assert found.clear.accuracy == found.encrypted.accuracy == 1.0
    assert found.clear.auc == found.encrypted.auc == 1.0
    assert found.timings_ms["encrypt"] == 2.0  # the median of three requests
    assert found.bytes == {"keys": 1000, "up": 300, "down": 100}
    assert found.level == "homomorphic"


def test_differences_are_found() -> None:
    found, _ = run(lambda p: np.clip(p + 0.01, 0, 1))
    assert found.max_probability_difference == pytest.approx(0.01, rel=1e-6)
    found, _ = run(lambda p: 1 - p)
    assert found.agreement == 0.0
    assert found.encrypted.accuracy == 0.0
    assert found.encrypted.auc == 0.0
    assert found.clear.accuracy == 1.0


@pytest.mark.parametrize(("asked", "expected"), [(1, 1), (2, 2), (10, 10), (150, 150), (999, 150)])
def test_as_many_as_asked_for(asked: int, expected: int) -> None:
    found, client = run(lambda p: p, encrypted=asked)
    assert sum(client.requests) == found.encrypted.n == expected
    assert found.clear.n == 150


def test_one_class_has_no_auc() -> None:
    found, _ = run(lambda p: p, encrypted=1)
    assert found.encrypted.auc is None
    assert found.clear.auc is not None


def test_no_single_exact_answer_is_reported() -> None:
    """The example is rounded; the other figures are over all inputs."""
    found, _ = run(lambda p: p + 1e-7)
    report = dataclasses.asdict(found)
    for name in ("clear_probability", "encrypted_probability"):
        assert report["example"][name] == round(report["example"][name], 3)
