"""Intervals, curves, calibration and the whole set of measures against known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.errors import InputError
from safelight.models import metrics
from safelight.models.bootstrap import draws_for, percentile_intervals, resamples
from safelight.models.calibration import calibration, fit_temperature
from safelight.models.curves import precision_recall_curve, roc_curve
from safelight.models.delong import delong
from safelight.models.measures import Measures, cross_entropy, measure
from safelight.models.proportions import UNKNOWN, wilson

RNG = np.random.default_rng(11)
LABELS = RNG.integers(0, 2, 300)
CHANCES = np.round(np.clip(RNG.normal(0.4 + 0.2 * LABELS, 0.2), 0.0, 1.0), 2)


def binary(labels: np.ndarray, chances: np.ndarray, threshold: float = 0.5) -> Measures:
    return measure(
        labels,
        np.stack([1 - chances, chances], axis=1),
        (chances >= threshold).astype(np.int64),
        classes=("well", "ill"),
        positive=1,
        threshold=threshold,
        kind="binary",
    )


def test_wilson_against_published_figures() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I: 81/263, 15/148, 0/20, 1/29
    for hits, count, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        found = wilson(hits, count)
        assert found.value == hits / count
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)
    assert wilson(0, 0) == UNKNOWN


@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_share(count: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, count))
    found = wilson(hits, count)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 <= found.low <= hits / count <= found.high <= 1.0


def test_delong_against_its_definition() -> None:
    ill, well = CHANCES[LABELS == 1], CHANCES[LABELS == 0]
    wins = (ill[:, None] > well) + 0.5 * (ill[:, None] == well)
    variance = wins.mean(axis=1).var(ddof=1) / len(ill) + wins.mean(axis=0).var(ddof=1) / len(well)
    found = delong(LABELS, CHANCES)
    assert found.value == pytest.approx(wins.mean())
    assert found.value == pytest.approx(metrics.auc(LABELS, CHANCES))
    assert found.high is not None
    assert found.high - wins.mean() == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)


def test_delong_and_bootstrap_agree() -> None:
    found = binary(LABELS, CHANCES)
    assert found.auc_delong is not None
    assert found.auc.value == found.auc_delong.value == metrics.auc(LABELS, CHANCES)
    for end in ("low", "high"):
        assert getattr(found.auc, end) == pytest.approx(getattr(found.auc_delong, end), abs=0.01)


def test_resamples_keep_each_class() -> None:
    for chosen in resamples(LABELS, 300, 5, seed=1):
        assert LABELS[chosen].sum() == LABELS.sum()
    same = [list(draw) for draw in resamples(None, 9, 3, seed=2)]
    assert same == [list(draw) for draw in resamples(None, 9, 3, seed=2)]
    assert draws_for(600) == 2000
    assert draws_for(100_000, 9) == 200


def test_no_interval_from_few_lucky_draws() -> None:
    def seldom(chosen: np.ndarray) -> np.ndarray:
        whole = (chosen == np.arange(4)).all()
        return np.array([1.0 if whole else np.nan, np.nan])

    known, unknown = percentile_intervals(seldom, None, 4, draws=50)
    assert (known.value, known.low) == (1.0, None)
    assert unknown.value is None


def test_curves_against_scikit_learn() -> None:
    sk = pytest.importorskip("sklearn.metrics")
    fpr, tpr, _ = sk.roc_curve(LABELS, CHANCES)
    found = roc_curve(LABELS, CHANCES)
    assert np.interp(fpr, found.false_positive_rate, found.true_positive_rate).max() == 1.0
    area = np.trapezoid(found.true_positive_rate, found.false_positive_rate)
    assert area == pytest.approx(sk.auc(fpr, tpr))
    assert len(found.true_positive_rate) <= len(tpr)
    pr = precision_recall_curve(LABELS, CHANCES)
    assert pr.average_precision == pytest.approx(sk.average_precision_score(LABELS, CHANCES))
    assert pr.prevalence == pytest.approx(LABELS.mean())


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5)), min_size=2, max_size=30))
def test_roc_corners_keep_the_area(cases: list[tuple[int, int]]) -> None:
    truth, score = np.array(cases).T
    if not 0 < truth.sum() < len(truth):
        return
    found = roc_curve(truth, score)
    area = np.trapezoid(found.true_positive_rate, found.false_positive_rate)
    assert area == pytest.approx(metrics.auc(truth, score))


def test_calibration_counted_by_hand() -> None:
    found = calibration(np.array([1, 0, 1, 1]), np.array([0.15, 0.11, 0.9, 1.0]), brier=0.2)
    assert [each.count for each in found.bins] == [0, 2, 0, 0, 0, 0, 0, 0, 0, 2]
    assert found.bins[1].probability == pytest.approx(0.13)
    assert found.bins[1].frequency == 0.5
    assert found.expected_error == pytest.approx(0.5 * 0.37 + 0.5 * 0.05)


@pytest.mark.parametrize("true_temperature", [0.3, 1.0, 4.0])
def test_temperature_is_found_again(true_temperature: float) -> None:
    generator = np.random.default_rng(3)
    logits = generator.normal(0, 2, 20_000)
    events = generator.random(20_000) < 1 / (1 + np.exp(-logits))

    def loss(temperature: float) -> float:
        chance = 1 / (1 + np.exp(-logits * true_temperature / temperature))
        return metrics.log_loss(events.astype(int), chance)

    assert fit_temperature(loss) == pytest.approx(true_temperature, rel=0.05)


def test_binary_measures_equal_the_single_ones() -> None:
    found, report = (
        binary(LABELS, CHANCES, 0.45),
        metrics.binary_report(LABELS, CHANCES, threshold=0.45),
    )
    each = found.classes[0]
    assert each.name == "ill"
    assert found.accuracy.value == report.accuracy
    assert each.sensitivity.value == found.recall == report.sensitivity
    assert each.specificity.value == report.specificity
    assert each.precision.value == found.precision == report.precision
    assert found.f1 == pytest.approx(report.f1)
    assert found.rmse == pytest.approx(report.rmse)
    assert found.loss == pytest.approx(report.log_loss)
    assert found.calibration.brier == pytest.approx(report.rmse**2)
    assert found.confusion == (
        (report.confusion.true_negative, report.confusion.false_positive),
        (report.confusion.false_negative, report.confusion.true_positive),
    )


def test_measures_of_more_classes() -> None:
    labels = RNG.integers(0, 3, 200)
    raw = RNG.random((200, 3)) + np.eye(3)[labels]
    chances = raw / raw.sum(axis=1, keepdims=True)
    found = measure(
        labels, chances, chances.argmax(axis=1),
        classes=("a", "b", "c"), positive=0, threshold=0.5, kind="multiclass",
    )  # fmt: skip
    assert found.auc.value == pytest.approx(metrics.multiclass_auc(labels, chances))
    assert found.auc_delong is None
    assert [each.count for each in found.classes] == np.bincount(labels).tolist()
    sk = pytest.importorskip("sklearn.metrics")
    decided = chances.argmax(axis=1)
    assert found.f1 == pytest.approx(sk.f1_score(labels, decided, average="macro"))
    assert found.loss == pytest.approx(sk.log_loss(labels, chances))
    assert np.array_equal(found.confusion, sk.confusion_matrix(labels, decided))


def test_measures_of_several_findings_at_once() -> None:
    labels = RNG.integers(0, 2, (100, 3))
    labels[:, 2] = 0  # a finding that nobody has
    chances = np.clip(0.3 + 0.3 * labels + RNG.normal(0, 0.1, (100, 3)), 0, 1)
    found = measure(
        labels, chances, (chances >= 0.5).astype(np.int64),
        classes=("x", "y", "z"), positive=0, threshold=0.5, kind="multilabel",
    )  # fmt: skip
    assert found.confusion is None
    assert found.classes[2].auc.value is None
    assert found.classes[2].sensitivity == UNKNOWN
    first_two = [metrics.auc(labels[:, k], chances[:, k]) for k in (0, 1)]
    assert found.auc.value == pytest.approx(np.mean(first_two))
    assert found.accuracy.value == pytest.approx(((chances >= 0.5) == labels).mean())


def test_one_class_only_leaves_out_what_nobody_knows() -> None:
    found = binary(np.ones(5, dtype=int), np.full(5, 0.7))
    assert found.auc.value is None
    assert found.auc_delong is None
    assert found.classes[0].specificity == UNKNOWN
    assert found.classes[0].sensitivity.value == 1.0


def test_a_certain_and_wrong_answer_costs_a_finite_loss() -> None:
    loss = cross_entropy(np.array([0]), np.array([[0.0, 1.0]]), "binary")
    assert 20 < loss < 30


@pytest.mark.parametrize(
    ("labels", "chances", "message"),
    [
        (np.array([0, 1]), np.array([0.5, 1.5]), "between 0 and 1"),
        (np.array([0, 3]), np.array([0.5, 0.5]), "labels from 0 to 3"),
        (np.array([], dtype=int), np.array([]), "for 0 cases"),
    ],
)
def test_refuses_what_cannot_be_measured(
    labels: np.ndarray, chances: np.ndarray, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        binary(labels, chances)
