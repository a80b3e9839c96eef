"""Operating points of a score: the ROC curve and the precision-recall curve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RocCurve:
    """One point a distinct score, from (0, 0) to (1, 1).

    Args:
        false_positive_rate: 1 − specificity, rising.
        true_positive_rate: Sensitivity, rising.
    """

    false_positive_rate: FloatArray
    true_positive_rate: FloatArray


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """One point a distinct score, by rising recall.

    Args:
        recall: Sensitivity.
        precision: Positive predictive value at the share of diseased in these data.
        average_precision: Area under the steps (no interpolation, which would flatter).
        prevalence: Precision of a coin.
    """

    recall: FloatArray
    precision: FloatArray
    average_precision: float
    prevalence: float


def roc_curve(labels: NDArray[Any], scores: NDArray[Any]) -> RocCurve:
    """Rates at every threshold; corners only, as points on a straight line say nothing new.

    Args:
        labels: 0 or 1, ``[n]``, both present.
        scores: ``[n]``.
    """
    hits, alarms = _counts(labels, scores)
    tpr, fpr = np.append(0, hits) / hits[-1], np.append(0, alarms) / alarms[-1]
    corner = np.ones(len(tpr), dtype=bool)
    corner[1:-1] = np.diff(fpr)[:-1] * np.diff(tpr)[1:] != np.diff(fpr)[1:] * np.diff(tpr)[:-1]
    return RocCurve(fpr[corner], tpr[corner])


def precision_recall_curve(labels: NDArray[Any], scores: NDArray[Any]) -> PrecisionRecallCurve:
    """Precision and recall at every threshold; arguments as `roc_curve`."""
    hits, alarms = _counts(labels, scores)
    recall, precision = hits / hits[-1], hits / (hits + alarms)
    average = float(np.sum(np.diff(np.append(0.0, recall)) * precision))
    prevalence = float(hits[-1] / (hits[-1] + alarms[-1]))
    return PrecisionRecallCurve(recall, precision, average, prevalence)


def _counts(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[FloatArray, FloatArray]:
    """True and false positives at each distinct score, from the highest down."""
    order = np.argsort(-np.asarray(scores, dtype=np.float64), kind="stable")
    score, truth = np.asarray(scores, dtype=np.float64)[order], np.asarray(labels)[order] == 1
    last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    hits = np.cumsum(truth)[last].astype(np.float64)
    return hits, last + 1 - hits
