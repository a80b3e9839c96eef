"""Metrics against definitions counted by hand and against scikit-learn where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.models import metrics

LABELS = np.array([0, 0, 1, 1, 1])
CHANCES = np.array([0.1, 0.6, 0.6, 0.8, 0.3])


def test_auc_counts_ties_as_half() -> None:
    # pairs (diseased, healthy): .6>.1, .6=.6, .8>.1, .8>.6, .3>.1, .3<.6
    assert metrics.auc(LABELS, CHANCES) == pytest.approx(4.5 / 6)


def test_auc_of_constant_scores_is_one_half() -> None:
    assert metrics.auc(LABELS, np.full(5, 0.3)) == 0.5


def test_report_at_the_operating_point() -> None:
    report = metrics.binary_report(LABELS, CHANCES, threshold=0.6)
    found = report.confusion
    assert (found.true_positive, found.false_positive) == (2, 1)
    assert (found.true_negative, found.false_negative) == (1, 1)
    assert report.accuracy == pytest.approx(3 / 5)
    assert report.sensitivity == report.recall == pytest.approx(2 / 3)
    assert report.specificity == pytest.approx(1 / 2)
    assert report.precision == pytest.approx(2 / 3)
    assert report.f1 == pytest.approx(2 / 3)
    assert report.to_json()["confusion"]["false_negative"] == 1


def test_agrees_with_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 2, 300)
    chances = np.round(np.clip(generator.normal(0.4 + 0.2 * labels, 0.2), 0.01, 0.99), 2)
    decisions = (chances >= 0.5).astype(int)
    report = metrics.binary_report(labels, chances)
    assert report.auc == pytest.approx(sk.roc_auc_score(labels, chances))
    assert report.accuracy == pytest.approx(sk.accuracy_score(labels, decisions))
    assert report.f1 == pytest.approx(sk.f1_score(labels, decisions))
    assert report.precision == pytest.approx(sk.precision_score(labels, decisions))
    assert report.log_loss == pytest.approx(sk.log_loss(labels, chances))
    assert report.rmse == pytest.approx(np.sqrt(sk.mean_squared_error(labels, chances)))


def test_multiclass_auc_is_the_mean_over_the_classes() -> None:
    labels = np.array([0, 1, 2, 1])
    perfect = np.eye(3)[labels]
    assert metrics.multiclass_auc(labels, perfect) == 1.0
    assert metrics.multiclass_auc(np.eye(3, dtype=np.int64)[labels], -perfect) == 0.0


def test_measures_never_found_are_nan_not_an_error() -> None:
    nothing = metrics.confusion_matrix(np.array([0, 0]), np.array([0, 0]))
    assert np.isnan(nothing.precision)
    assert np.isnan(nothing.sensitivity)
    assert nothing.specificity == 1.0


def test_bootstrap_is_seeded_and_covers_the_estimate() -> None:
    generator = np.random.default_rng(2)
    labels = np.repeat([0, 1], [60, 140])
    scores = generator.normal(labels, 0.8)
    first = metrics.bootstrap_interval(metrics.auc, labels, scores, draws=200, seed=3)
    again = metrics.bootstrap_interval(metrics.auc, labels, scores, draws=200, seed=3)
    other = metrics.bootstrap_interval(metrics.auc, labels, scores, draws=200, seed=4)
    assert first == again != other
    assert first[0] < metrics.auc(labels, scores) < first[1]


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (np.array([1, 1]), np.array([0.1, 0.2]), "one class"),
        (np.array([0, 2]), np.array([0.1, 0.2]), "0 and 1"),
        (np.array([0, 1]), np.array([0.1, np.nan]), "not finite"),
        (np.array([0, 1, 1]), np.array([0.1, 0.2]), "do not fit"),
    ],
)
def test_refuses_what_has_no_measure(labels: np.ndarray, scores: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        metrics.auc(labels, scores)
