"""Model extraction: a copy learns a rule from answers, and the curve reads as it should."""

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.lab.extraction import ExtractionRow, _Copy, extraction_rows, queries_needed
from safelight.lab.extraction_page import extraction_document
from safelight.models.registry import load_model


def test_a_copy_of_a_linear_rule_agrees_and_more_queries_help() -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 1, 10)
    judged = rng.normal(0, 1, (500, 10))

    def agreement(count: int) -> float:
        asked = rng.normal(0, 1, (count, 10))
        copy = _Copy(asked, asked @ weights, 1 / 20)
        return float(((copy(judged) > 0) == (judged @ weights > 0)).mean())

    assert agreement(600) > 0.95
    assert agreement(600) > agreement(8)


def test_the_fewest_queries_that_reach_the_goal() -> None:
    rows = [
        ExtractionRow("finding only", queries, agreement, agreement, agreement, 0.6)
        for queries, agreement in ((10, 0.7), (100, 0.96), (300, 0.95))
    ]
    assert queries_needed(rows, "finding only") == 100
    assert queries_needed(rows[:1], "finding only") is None
    assert extraction_document(rows, "any", 0)["queries_needed"] == {"finding only": 100}


def test_models_of_several_numbers_are_refused() -> None:
    with pytest.raises(InputError, match="answers 5 numbers"):
        next(extraction_rows(load_model("retina-28")))
