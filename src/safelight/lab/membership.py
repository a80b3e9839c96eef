"""Membership inference: was this record among those the model was trained on?

Scores only; `safelight.lab.shadow_models` trains what they need. Every attack gives one score a
record, larger for "member", from what an attacker sees: the target's probability of the record's
true class and that of reference models of the attacker's own, trained on known records.

**Source**: Yeom et al. 2018 (threshold); Carlini et al. 2022, "Membership inference attacks from
first principles", section V (LiRA online and offline); Zarifzadeh et al. 2024, "Low-cost
high-power membership inference attacks", equation 2 and appendix B (RMIA).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1, so that logits stay finite
_OFFLINE_SHARE = 0.3
"""RMIA offline: how the mean over models without a record is scaled up (the paper's ``a``)."""
FALSE_POSITIVE_RATES = (0.01, 0.001)
FEWEST_EACH = 50
"""Members and non-members: with fewer, an AUC's interval is wider than any finding."""
_FEWEST_FALSE = 5
"""A true-positive rate is given where its false-positive rate stands for so many records."""
_STEADYING = 4  # as many models as the common spread counts for in a record's own


def logit(probability: FloatArray) -> FloatArray:
    """The logit of probabilities, clipped away from 0 and 1 (Carlini et al., section VI-A)."""
    clipped = np.clip(probability, _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def confidence(target: FloatArray) -> FloatArray:
    """The target's probability of the true class: members tend to be better fitted.

    Args:
        target: ``[records]``.
    """
    return target.copy()


def lira_online(target: FloatArray, shadows: FloatArray, inside: BoolArray) -> FloatArray:
    """Likelihood ratio of two normals a record: models with it against models without it.

    Args:
        target: The target's probability of the true class, ``[records]``.
        shadows: The same of each reference model, ``[models, records]``.
        inside: Whether the model was trained on the record, ``[models, records]``.

    Raises:
        InputError: A record that all models, or none, were trained on.
    """
    values, found = logit(shadows), logit(target)
    with_mean, with_spread = _moments(values, inside)
    out_mean, out_spread = _moments(values, ~inside)
    return _log_normal(found, with_mean, with_spread) - _log_normal(found, out_mean, out_spread)


def lira_offline(target: FloatArray, shadows: FloatArray, inside: BoolArray) -> FloatArray:
    """One-sided test against models without the record: no model of the attacker's knows it.

    Args and errors as of `lira_online`.
    """
    out_mean, out_spread = _moments(logit(shadows), ~inside)
    return np.asarray((logit(target) - out_mean) / out_spread)


def rmia(
    target: FloatArray,
    shadows: FloatArray,
    inside: BoolArray,
    population: FloatArray,
    population_shadows: FloatArray,
    *,
    gamma: float = 1.0,
) -> FloatArray:
    """Relative membership: against what share of the population the record's ratio wins.

    Args:
        target: ``[records]``, probabilities of the true class.
        shadows: ``[models, records]``.
        inside: ``[models, records]``; only models without a record are used (offline).
        population: The target's probabilities of other records' true classes, ``[others]``.
        population_shadows: ``[models, others]``, of models not trained on them.
        gamma: By which factor the record's ratio has to win.
    """
    outside = np.where(inside, np.nan, shadows)
    mean_out = np.nanmean(outside, axis=0)
    ratio = target / _marginal(mean_out)
    others = population / _marginal(population_shadows.mean(axis=0))
    return np.asarray((ratio[:, None] > gamma * others[None]).mean(axis=1))


def _marginal(mean_out: FloatArray) -> FloatArray:
    """Pr(x) from models without x alone: half of ((1 + a) p_out + (1 - a))."""
    return np.asarray(0.5 * ((1 + _OFFLINE_SHARE) * mean_out + (1 - _OFFLINE_SHARE)))


def _moments(values: FloatArray, chosen: BoolArray) -> tuple[FloatArray, FloatArray]:
    counts = chosen.sum(axis=0)
    if counts.min() < 1:
        raise InputError(
            f"{int((counts < 1).sum())} records have no reference model on one side",
            hint="train more reference models; 16 give every record both sides",
        )
    mean = np.where(chosen, values, 0).sum(axis=0) / counts
    squares = np.where(chosen, (values - mean) ** 2, 0)
    # a record's own spread, steadied by that of all records where models are few (section VI-C
    # switches from one to the other; a weighted mean of both loses less)
    common = float(squares.sum()) / max(int((counts - 1).sum()), 1)
    spread = np.sqrt((squares.sum(axis=0) + _STEADYING * common) / (counts - 1 + _STEADYING))
    return mean, np.maximum(spread, 1e-6)


def _log_normal(values: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
    return np.asarray(-(((values - mean) / spread) ** 2) / 2 - np.log(spread))


@dataclass(frozen=True)
class AttackSuccess:
    """How well scores tell members from the rest.

    Args:
        auc: Area under the ROC curve, 0.5 at chance.
        auc_low: Lower end of its 95 % interval.
        auc_high: Upper end.
        balanced_accuracy: At the threshold that is best on the other half of the records.
        true_positive_rates: At false-positive rates of `FALSE_POSITIVE_RATES`; None where there
            are too few non-members to tell (5 false positives are needed).
        true_positive_lows: Lower ends of 95 % intervals over resampled records.
        true_positive_highs: Upper ends.
        members: How many.
        others: How many non-members.
    """

    auc: float
    auc_low: float
    auc_high: float
    balanced_accuracy: float
    true_positive_rates: tuple[float | None, ...]
    true_positive_lows: tuple[float | None, ...]
    true_positive_highs: tuple[float | None, ...]
    members: int
    others: int

    @property
    def at_chance(self) -> bool:
        """Whether the interval of the AUC holds 0.5."""
        return self.auc_low <= 0.5 <= self.auc_high


def attack_success(
    scores: FloatArray,
    members: BoolArray,
    *,
    records: NDArray[np.int64] | None = None,
    networks: NDArray[np.int64] | None = None,
    independent: float = 1.0,
    seed: int = 0,
    resamples: int = 400,
) -> AttackSuccess:
    """Rates of an attack with 95 % intervals from resampled records.

    Args:
        scores: Larger for "member", ``[questions]``.
        members: The truth, ``[questions]``.
        records: Which record each question is about, where several networks are asked about the
            same ones: a record is drawn with all its questions, for they are not independent.
        networks: Which network each question was put to; resampled likewise, where several.
        independent: Share of the records that say something of their own. Half where each half
            was judged by a classifier trained on the other: their errors go together, and
            intervals as of all records hold 0.5 in 87 % of runs on noise, not in 95 %.
        seed: Of the resampling.
        resamples: How many.

    Raises:
        InputError: Fewer than 50 members or non-members.
    """
    inside, outside = int(members.sum()), int((~members).sum())
    if min(inside, outside) < FEWEST_EACH:
        raise InputError(
            f"{inside} members and {outside} others are too few for an interval",
            hint=f"give at least {FEWEST_EACH} of each",
        )
    owner = (
        np.arange(len(scores)) if records is None else np.unique(records, return_inverse=True)[1]
    )
    groups = [owner] if networks is None else [owner, np.unique(networks, return_inverse=True)[1]]
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [_rates(*_resampled(scores, members, groups, rng, independent)) for _ in range(resamples)]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    rates = _rates(scores[members], scores[~members])
    told = [rate * outside >= _FEWEST_FALSE for rate in FALSE_POSITIVE_RATES]

    def shown(values: FloatArray | list[float]) -> tuple[float | None, ...]:
        return tuple(float(v) if t else None for v, t in zip(values[1:], told, strict=True))

    return AttackSuccess(
        auc=rates[0],
        auc_low=float(low[0]),
        auc_high=float(high[0]),
        balanced_accuracy=_balanced_accuracy(scores, members, owner, rng),
        true_positive_rates=shown(rates),
        true_positive_lows=shown(low),
        true_positive_highs=shown(high),
        members=inside,
        others=outside,
    )


def _resampled(
    scores: FloatArray,
    members: BoolArray,
    groups: list[NDArray[np.int64]],
    rng: np.random.Generator,
    share: float,
) -> tuple[FloatArray, FloatArray]:
    """Members' and others' scores of records (and networks) drawn with repetition."""
    while True:
        times = np.ones(len(scores), np.int64)
        for group in groups:
            count = int(group.max()) + 1
            times *= np.bincount(rng.integers(0, count, round(share * count)), minlength=count)[
                group
            ]
        taken = np.repeat(np.arange(len(scores)), times)
        inside = members[taken]
        if inside.any() and not inside.all():
            return scores[taken[inside]], scores[taken[~inside]]


def _rates(inside: FloatArray, outside: FloatArray) -> list[float]:
    """AUC, then the true-positive rate at each false-positive rate."""
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, side="left")
    upto = np.searchsorted(ordered, inside, side="right")
    found = [float((below + upto).mean() / 2 / len(outside))]
    for rate in FALSE_POSITIVE_RATES:
        # strictly above the threshold: ties count against the attacker
        allowed = int(rate * len(outside))
        found.append(float((inside > ordered[len(outside) - 1 - allowed]).mean()))
    return found


def _balanced_accuracy(
    scores: FloatArray, members: BoolArray, owner: NDArray[np.int64], rng: np.random.Generator
) -> float:
    """Mean over both halves of the records of what the other half's best threshold gives.

    The best threshold in hindsight would be above 0.5 for pure noise, too.
    """
    first = (rng.permutation(owner.max() + 1) % 2 == 0)[owner]
    found = []
    for learn in (first, ~first):
        threshold = _best_threshold(scores[learn & members], scores[learn & ~members])
        judged = [(scores[~learn & side] >= threshold).mean() for side in (members, ~members)]
        found.append((judged[0] + 1 - judged[1]) / 2)
    return float(np.mean(found))


def _best_threshold(inside: FloatArray, outside: FloatArray) -> float:
    thresholds = np.unique(np.concatenate([inside, outside]))
    hit = 1 - np.searchsorted(np.sort(inside), thresholds, side="left") / len(inside)
    false = 1 - np.searchsorted(np.sort(outside), thresholds, side="left") / len(outside)
    return float(thresholds[(hit - false).argmax()])
