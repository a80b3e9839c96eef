"""Membership attacks against models whose answer is known, and rates against scikit-learn."""

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.lab import membership as m


def _toy(gap: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Target, shadows, membership of shadows, of the target: members' logits rise by ``gap``."""
    rng = np.random.default_rng(seed)
    records, models = 600, 65
    inside = rng.random((models, records)).argsort(axis=0) < models // 2
    hardness = rng.normal(0, 2, records)
    logits = hardness + gap * inside + rng.normal(0, 1, inside.shape)
    probability = 1 / (1 + np.exp(-logits))
    return probability[0], probability[1:], inside[1:], inside[0]


def test_lira_is_the_likelihood_ratio_of_a_known_gap() -> None:
    target, shadows, inside, members = _toy(2.0)
    online = m.attack_success(m.lira_online(target, shadows, inside), members, resamples=50)
    # two unit normals two apart: AUC of Φ(√2)
    assert online.auc == pytest.approx(0.921, abs=0.03)
    offline = m.attack_success(m.lira_offline(target, shadows, inside), members, resamples=50)
    assert offline.auc == pytest.approx(online.auc, abs=0.03)
    plain = m.attack_success(m.confidence(target), members, resamples=50)
    assert plain.auc < online.auc - 0.1  # hardness hides it from a single threshold


def test_rmia_ranks_members_and_its_definition_on_one_record() -> None:
    target, shadows, inside, members = _toy(2.0)
    population = _toy(0.0, 5)
    scores = m.rmia(target, shadows, inside, population[0], population[1])
    assert m.attack_success(scores, members, resamples=50).auc > 0.75
    # equation 2 by hand: one record against two others
    own, out = 0.9, 0.4
    a = 0.3
    ratio = own / (0.5 * ((1 + a) * out + 1 - a))
    others = np.array([0.5, 0.99]) / (0.5 * ((1 + a) * np.array([0.5, 0.3]) + 1 - a))
    found = m.rmia(
        np.array([own]), np.array([[out]]), np.array([[False]]),
        np.array([0.5, 0.99]), np.array([[0.5, 0.3]]),
    )  # fmt: skip
    assert found[0] == pytest.approx((ratio > others).mean())


def test_nothing_to_find_is_found_by_nothing() -> None:
    target, shadows, inside, members = _toy(0.0)
    for scores in (m.lira_online(target, shadows, inside), m.confidence(target)):
        assert m.attack_success(scores, members).at_chance


def test_rates_equal_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    members = rng.random(1000) < 0.4
    scores = np.round(rng.normal(0, 1, 1000) + members, 1)  # with ties
    found = m.attack_success(scores, members, resamples=20)
    assert found.auc == pytest.approx(metrics.roc_auc_score(members, scores))
    false, true, _ = metrics.roc_curve(members, scores, drop_intermediate=False)
    # the threshold comes from the other half: a little below the best in hindsight
    best = ((true + 1 - false) / 2).max()
    assert best - 0.05 < found.balanced_accuracy <= best + 0.01
    assert found.true_positive_rates[0] == pytest.approx(true[false <= 0.01].max())
    assert found.true_positive_rates[1] is None  # 300 others say nothing about one in a thousand


def test_questions_about_one_record_are_resampled_together() -> None:
    rng = np.random.default_rng(6)
    hardness, members = rng.normal(0, 1, 300), rng.random((8, 300)) < 0.5
    scores = (hardness + 0.01 * rng.normal(0, 1, (8, 300)) + 0.3 * members).ravel()
    records = np.tile(np.arange(300), 8)
    alone = m.attack_success(scores, members.ravel(), resamples=100)
    together = m.attack_success(scores, members.ravel(), records=records, resamples=100)
    assert alone.auc == together.auc
    # eight questions about one record are not eight records
    tall = np.repeat(rng.normal(0, 1, 200), 8) + np.repeat(np.arange(200) % 2, 8)
    truth, owner = np.repeat(np.arange(200) % 2 == 1, 8), np.repeat(np.arange(200), 8)
    narrow = m.attack_success(tall, truth, resamples=100)
    honest = m.attack_success(tall, truth, records=owner, resamples=100)
    assert honest.auc_high - honest.auc_low > 2 * (narrow.auc_high - narrow.auc_low)


def test_too_few_records_are_refused() -> None:
    with pytest.raises(InputError, match="too few"):
        m.attack_success(np.arange(60.0), np.arange(60) < 30)
    with pytest.raises(InputError, match="no reference model"):
        m.lira_offline(np.ones(2) / 2, np.ones((3, 2)) / 2, np.ones((3, 2), bool))
