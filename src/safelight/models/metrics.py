"""How good a diagnosis is: the measures that the result tables use, in NumPy.

Labels are 0 or 1 and 1 is the finding; probabilities are of the finding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.bootstrap import resamples

Labels = NDArray[np.int64]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Confusion:
    """Counts of decisions against truth."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int

    @property
    def accuracy(self) -> float:
        """Share of right decisions."""
        right = self.true_positive + self.true_negative
        return _ratio(right, right + self.false_positive + self.false_negative)

    @property
    def sensitivity(self) -> float:
        """Share of the diseased that are found (recall)."""
        return _ratio(self.true_positive, self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Share of the healthy that are cleared."""
        return _ratio(self.true_negative, self.true_negative + self.false_positive)

    @property
    def precision(self) -> float:
        """Share of the findings that are right."""
        return _ratio(self.true_positive, self.true_positive + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and sensitivity."""
        wrong = self.false_positive + self.false_negative
        return _ratio(2 * self.true_positive, 2 * self.true_positive + wrong)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


@dataclass(frozen=True)
class BinaryReport:
    """All measures of one binary model on one data set."""

    n: int
    accuracy: float
    auc: float
    sensitivity: float
    specificity: float
    precision: float
    recall: float
    f1: float
    rmse: float
    log_loss: float
    confusion: Confusion

    def to_json(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)


def binary_report(
    labels: NDArray[Any], probabilities: NDArray[Any], *, threshold: float = 0.5
) -> BinaryReport:
    """All measures at one operating point.

    Args:
        labels: 0 or 1, ``[n]``, both present.
        probabilities: 0 … 1, ``[n]``.
        threshold: A probability at or above it is a finding.

    Raises:
        InputError: One class only, values that are not finite, or different lengths.
    """
    truth, chance = _checked(labels, probabilities)
    confusion = confusion_matrix(truth, (chance >= threshold).astype(np.int64))
    return BinaryReport(
        n=len(truth),
        accuracy=confusion.accuracy,
        auc=auc(truth, chance),
        sensitivity=confusion.sensitivity,
        specificity=confusion.specificity,
        precision=confusion.precision,
        recall=confusion.sensitivity,
        f1=confusion.f1,
        rmse=rmse(truth, chance),
        log_loss=log_loss(truth, chance),
        confusion=confusion,
    )


def confusion_matrix(labels: NDArray[Any], decisions: NDArray[Any]) -> Confusion:
    """Counts of decisions (0 or 1) against labels."""
    truth, found = np.asarray(labels) == 1, np.asarray(decisions) == 1
    return Confusion(
        true_positive=int((truth & found).sum()),
        false_positive=int((~truth & found).sum()),
        true_negative=int((~truth & ~found).sum()),
        false_negative=int((truth & ~found).sum()),
    )


def auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Area under the ROC curve: the chance that a diseased scores above a healthy, ties half.

    Raises:
        InputError: As `binary_report`.
    """
    truth, score = _checked(labels, scores)
    ranks = midranks(score)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    above = ranks[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def midranks(scores: Scores) -> Scores:
    """Rank of each score from 1 on; those that tie share the mean of their ranks."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[place])


def multiclass_auc(labels: NDArray[Any], scores: NDArray[Any]) -> float:
    """Mean over the classes of the AUC of each against the rest, as MedMNIST reports it.

    Args:
        labels: Class ``[n]``, or 0 and 1 ``[n, classes]``.
        scores: ``[n, classes]``.
    """
    classes = scores.shape[1]
    table = np.eye(classes, dtype=np.int64)[labels] if labels.ndim == 1 else labels
    return float(np.mean([auc(table[:, k], scores[:, k]) for k in range(classes)]))


def rmse(labels: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Root of the mean squared distance between probability and label."""
    return float(np.sqrt(np.mean((np.asarray(probabilities) - np.asarray(labels)) ** 2)))


def log_loss(labels: NDArray[Any], probabilities: NDArray[Any]) -> float:
    """Mean negative log-likelihood; probabilities are held 1e-12 away from 0 and 1."""
    chance = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1 - 1e-12)
    truth = np.asarray(labels)
    return float(-np.mean(np.where(truth == 1, np.log(chance), np.log1p(-chance))))


def bootstrap_interval(
    measure: Callable[[Labels, Scores], float],
    labels: NDArray[Any],
    scores: NDArray[Any],
    *,
    draws: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap of a measure, stratified: each draw keeps the number of each class.

    Args:
        measure: Of labels and scores, such as `auc`.
        labels: 0 or 1, ``[n]``.
        scores: ``[n]``.
        draws: Number of resamples.
        confidence: Share that the interval covers.
        seed: The same seed gives the same interval.
    """
    truth, score = _checked(labels, scores)
    values = [
        measure(truth[chosen], score[chosen])
        for chosen in resamples(truth, len(truth), draws, seed)
    ]
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _checked(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[Labels, Scores]:
    truth, score = np.asarray(labels), np.asarray(scores, dtype=np.float64)
    if truth.shape != score.shape or truth.ndim != 1:
        raise InputError(f"{list(truth.shape)} labels do not fit {list(score.shape)} scores")
    if not np.isin(truth, (0, 1)).all():
        raise InputError("binary measures need labels of 0 and 1")
    if not 0 < int(truth.sum()) < len(truth):
        raise InputError("the labels hold one class only", hint="AUC needs both classes")
    if not np.isfinite(score).all():
        raise InputError("some scores are not finite numbers")
    return truth.astype(np.int64), score
