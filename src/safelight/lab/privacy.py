"""What differential privacy costs and what it buys: accuracy and LiRA against ε.

The same records, the same networks, trained without privacy and with less and less of a budget;
each is attacked by LiRA with reference networks trained the same way, as the strongest attacker
would. Two frames: networks that learned noisy labels by heart (the attack has to succeed), and what
(ε, δ)-differential privacy promises at most against any attacker whatever.

**Source**: Kairouz et al. 2015, arXiv 1311.0776, theorem 2.1 (bound on an attacker's rates);
Jayaraman and Evans 2019 (measuring the gap between bound and attack).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from safelight.errors import InputError
from safelight.lab.extras import extra
from safelight.lab.membership import AttackSuccess, FloatArray, attack_success, lira_online
from safelight.lab.private_networks import Budget, train_private
from safelight.lab.shadow_models import OVERFITTED, Lesson, Trained, random_halves, train_halves
from safelight.models.data_source import dataset_titled
from safelight.models.datasets.dataset import Dataset

EPSILONS = (8.0, 3.0, 1.0)
_RECORDS = 3000
_CONTROL_RECORDS = 700
_POPULATION = 500
_MODELS = 34
_TARGETS = 8
_EPOCHS = 30
_FEWEST_RECORDS = 300
_SCALE = (0.5, 0.25)  # of brightness: looks at no record, as `safelight train --dp-epsilon`
_OPEN = Lesson(epochs=_EPOCHS, decay=0.0)
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class PrivacyRow:
    """Networks of one budget, and LiRA (online) against them.

    Args:
        training: What was done.
        epsilon: ε of a network towards adding or leaving out one record; None: no privacy.
        delta: δ, or None.
        noise: Noise multiplier, or None.
        accuracy: Mean over networks, on records that none learned.
        accuracy_low: 2.5th percentile over networks.
        accuracy_high: 97.5th percentile.
        accuracy_inside: On the networks' own records, as they learned them.
        commonest: Accuracy of always saying the commonest finding.
        bound: No attacker whatever has a larger true-positive rate at 1 % false positives; None
            without privacy.
        success: Of the attack.
    """

    training: str
    epsilon: float | None
    delta: float | None
    noise: float | None
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    accuracy_inside: float
    commonest: float
    bound: float | None
    success: AttackSuccess

    def to_json(self) -> dict[str, Any]:
        """Flat."""
        own = {name: value for name, value in asdict(self).items() if name != "success"}
        return own | asdict(self.success)


def best_true_positive_rate(epsilon: float, delta: float, false_positive_rate: float) -> float:
    """The bound of (ε, δ)-differential privacy on any attacker's true-positive rate."""
    first = math.exp(min(epsilon, 50.0)) * false_positive_rate + delta
    second = 1 - math.exp(-epsilon) * (1 - delta - false_positive_rate)
    return min(1.0, first, second)


def privacy_rows(
    data: Dataset | None = None,
    *,
    epsilons: tuple[float, ...] = EPSILONS,
    seed: int = 0,
    progress: Progress = lambda *_: None,
) -> Iterator[PrivacyRow]:
    """A row for the control, one without privacy, one a budget.

    Args:
        data: Images whose training split is used; PneumoniaMNIST if None.
        epsilons: Budgets.
        seed: Of every choice and training.
        progress: Told of (phase, done, total).

    Raises:
        InputError: Budgets that promise nothing, too few records, missing extras.
    """
    if not epsilons or not all(math.isfinite(e) and e > 0 for e in epsilons):
        raise InputError("a budget has to be above 0", hint="such as --epsilons 8,3,1")
    extra("torch", "train")
    extra("opacus", "privacy")
    split = (data or dataset_titled("PneumoniaMNIST (MedMNIST v2)", size=28)).train
    if split.inputs.dtype != np.uint8 or len(split.labels) < _FEWEST_RECORDS + _POPULATION:
        raise InputError(
            f"{len(split.labels)} training records of {split.inputs.dtype} will not do",
            hint=f"give at least {_FEWEST_RECORDS + _POPULATION} greyscale images of 8 bits",
        )
    pool = np.random.default_rng(seed).permutation(len(split.labels))
    flat = split.inputs.reshape(len(split.inputs), -1) / 255.0
    material = _Material((flat - _SCALE[0]) / _SCALE[1], split.labels > 0, pool, seed)

    def watch(phase: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(phase, done, total)

    features, labels, inside = material.chosen(_CONTROL_RECORDS)
    found = train_halves(features, labels, inside, OVERFITTED, seed=seed,
                         progress=watch("privacy: control"))  # fmt: skip
    yield material.row("positive control: noisy labels by heart", found, labels, None, None)
    features, labels, inside = material.chosen(_RECORDS)
    found = train_halves(features, labels, inside, _OPEN, seed=seed,
                         progress=watch("privacy: none"))  # fmt: skip
    yield material.row("without privacy", found, labels, None, None)
    for epsilon in epsilons:
        own = float(inside.sum(axis=1).mean())
        budget = Budget(epsilon, 1 / (2 * own), _EPOCHS)
        found, noise = train_private(features, labels, inside, budget, seed=seed,
                                     progress=watch("privacy: private"))  # fmt: skip
        yield material.row("DP-SGD", found, labels, budget, noise)


@dataclass(frozen=True)
class _Material:
    """Features, labels and an order of records; the last of it is what no network learns."""

    features: FloatArray
    abnormal: np.ndarray[Any, np.dtype[np.bool_]]
    pool: np.ndarray[Any, np.dtype[np.int64]]
    seed: int

    def chosen(self, records: int) -> tuple[FloatArray, Any, Any]:
        """Features, labels and membership of records, the population last."""
        kept = min(records, len(self.pool) - _POPULATION)
        order = np.concatenate([self.pool[:kept], self.pool[-_POPULATION:]])
        inside = np.pad(random_halves(_MODELS, kept, self.seed), ((0, 0), (0, _POPULATION)))
        return self.features[order], self.abnormal[order].astype(np.int64), inside

    def row(
        self, training: str, found: Trained, labels: Any, budget: Budget | None, noise: float | None
    ) -> PrivacyRow:
        """Attacks the networks in turn and judges them on the population."""
        kept = len(labels) - _POPULATION
        probabilities, inside = found.probabilities[:, :kept], found.inside[:, :kept]
        scores = [
            lira_online(
                probabilities[index],
                np.delete(probabilities, index, axis=0),
                np.delete(inside, index, axis=0),
            )
            for index in range(_TARGETS)
        ]
        networks, records = np.indices((_TARGETS, kept)).reshape(2, -1)
        success = attack_success(
            np.concatenate(scores),
            inside[:_TARGETS].ravel(),
            records=records,
            networks=networks,
            seed=self.seed,
        )
        right = (found.probabilities[:, kept:] > 0.5).mean(axis=1)
        low, high = np.percentile(right, [2.5, 97.5])
        share = float(labels[kept:].mean())
        return PrivacyRow(
            training=training,
            epsilon=budget.epsilon if budget else None,
            delta=budget.delta if budget else None,
            noise=noise,
            accuracy=float(right.mean()),
            accuracy_low=float(low),
            accuracy_high=float(high),
            accuracy_inside=found.accuracy_inside,
            commonest=max(share, 1 - share),
            bound=best_true_positive_rate(budget.epsilon, budget.delta, 0.01) if budget else None,
            success=success,
        )
