"""Findings: decided at the operating point, shared with three decimals only."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from safelight.circuit.signature import Outputs, Signature
from safelight.client.diagnosis import LEVEL, Diagnosis, decide, diagnoses
from safelight.client.receipt import Receipt
from safelight.models.registry import compiled_model

RECEIPT = Receipt(
    "job", "key", "request", "model", "program", "parameters", "keys", "result", 0, "level", "", ""
)


def signature(classes: tuple[str, ...], positive: str, threshold: float) -> Signature:
    """wdbc-logistic's with other outputs."""
    found = compiled_model("wdbc-logistic")[1].signature
    activation = "sigmoid" if len(classes) == 2 else "softmax"
    return dataclasses.replace(found, outputs=Outputs(classes, activation, positive, threshold))


@pytest.mark.parametrize("classes", [("benign", "malignant"), ("malignant", "benign")])
def test_two_classes_are_decided_at_the_operating_point(classes: tuple[str, str]) -> None:
    meaning = signature(classes, "malignant", 0.3)
    column = classes.index("malignant")
    of_malignant = np.array([0.0, 0.2999999, 0.3, 0.31, 1.0])
    probabilities = np.empty((5, 2))
    probabilities[:, column], probabilities[:, 1 - column] = of_malignant, 1 - of_malignant
    names = [classes[index] for index in decide(meaning, probabilities)]
    assert names == ["benign", "benign", "malignant", "malignant", "malignant"]


def test_more_classes_are_decided_by_the_largest() -> None:
    meaning = signature(("a", "b", "c"), "b", 0.01)
    probabilities = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    assert decide(meaning, probabilities).tolist() == [0, 2]


def test_nothing_finer_than_three_decimals_is_shared() -> None:
    meaning = signature(("benign", "malignant"), "malignant", 0.5)
    exact = np.random.default_rng(1).random(50)
    probabilities = np.stack([1 - exact, exact], axis=1)
    sources = [f"record {index}" for index in range(50)]
    found = diagnoses(meaning, sources, probabilities, {"encrypt": 1.0}, RECEIPT)
    assert [diagnosis.source for diagnosis in found] == sources
    for diagnosis, value in zip(found, exact, strict=True):
        assert diagnosis.probability == round(value, 3)
        assert diagnosis.probabilities == {
            "benign": round(1 - value, 3),
            "malignant": round(value, 3),
        }
        assert diagnosis.finding == ("malignant" if value >= 0.5 else "benign")
        assert diagnosis.level == LEVEL == "homomorphic"
        for number in diagnosis.probabilities.values():
            assert len(repr(number)) <= 5
        assert repr(float(value)) not in repr(diagnosis) + repr(diagnosis.to_json())
    assert found[0].to_json()["receipt"]["job"] == "job"


def test_sources_and_answers_belong_together() -> None:
    meaning = signature(("benign", "malignant"), "malignant", 0.5)
    with pytest.raises(ValueError, match="zip"):
        diagnoses(meaning, ["one"], np.full((2, 2), 0.5), {}, RECEIPT)
    assert dataclasses.is_dataclass(Diagnosis)
