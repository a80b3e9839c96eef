"""Everything an evaluation says of a model's answers: binary, one of several, several at once.

`safelight.models.metrics` has the single measures; this file puts them together with their
intervals, and leaves out what the data cannot give instead of failing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import Kind
from safelight.errors import InputError
from safelight.models.bootstrap import Indices, draws_for, percentile_intervals
from safelight.models.calibration import Calibration, calibration
from safelight.models.curves import precision_recall_curve
from safelight.models.delong import delong
from safelight.models.metrics import midranks
from safelight.models.proportions import UNKNOWN, Estimate, wilson

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LEAST_CHANCE = 1e-12  # a certain and wrong answer costs a finite loss


@dataclass(frozen=True)
class ClassMeasures:
    """One class or finding against the rest, decisions as the model makes them.

    Args:
        name: Of the class.
        count: Cases that have it.
        auc: Area under its ROC curve.
        average_precision: Area under its precision-recall curve.
        sensitivity: Share found of those that have it, with Wilson's interval.
        specificity: Share cleared of those that have not.
        precision: Share right of those found (positive predictive value).
        negative_predictive_value: Share right of those cleared.
        f1: Harmonic mean of precision and sensitivity.
    """

    name: str
    count: int
    auc: Estimate
    average_precision: float | None
    sensitivity: Estimate
    specificity: Estimate
    precision: Estimate
    negative_predictive_value: Estimate
    f1: float | None


@dataclass(frozen=True)
class Measures:
    """A model's answers on one data set.

    Args:
        kind: ``binary``; ``multiclass``: one of several; ``multilabel``: several at once.
        n: Cases.
        loss: Mean cross-entropy (natural logarithm), of the calibrated probabilities.
        accuracy: Share of right decisions (of several findings: over all findings), Wilson.
        auc: Bootstrap; of several classes or findings the mean of each against the rest.
        auc_delong: The same for two classes by DeLong's variance; None otherwise.
        average_precision: Of the positive class, or the mean over classes.
        precision: Of the positive class, or the mean over classes.
        recall: As ``precision``.
        f1: As ``precision``.
        rmse: Root mean squared distance of probability and truth, over all classes.
        calibration: Of the positive class; of the class decided on; over all findings.
        threshold: Operating point.
        classes: One entry a class; of two classes the positive one only.
        confusion: Rows are truth, columns decisions, in the order of ``labels``; of several
            findings at once None.
        labels: Names of the rows of ``confusion``.
        bootstrap_draws: How many resamples the AUC's interval comes from.
    """

    kind: Kind
    n: int
    loss: float
    accuracy: Estimate
    auc: Estimate
    auc_delong: Estimate | None
    average_precision: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    rmse: float
    calibration: Calibration
    threshold: float
    classes: tuple[ClassMeasures, ...]
    confusion: tuple[tuple[int, ...], ...] | None
    labels: tuple[str, ...]
    bootstrap_draws: int

    def to_json(self) -> dict[str, Any]:
        """As plain values (docs/schemas/evaluate.schema.json)."""
        return asdict(self)


def truth_table(labels: NDArray[Any], classes: int) -> IntArray:
    """0 and 1 ``[n, classes]`` of class indices ``[n]``, or of what is such a table already."""
    truth = np.asarray(labels)
    if truth.ndim == 1:
        if truth.size and not 0 <= truth.min() <= truth.max() < classes:
            raise InputError(f"labels from {truth.min()} to {truth.max()} for {classes} classes")
        return np.asarray(np.eye(classes, dtype=np.int64)[truth])
    if truth.shape[1:] != (classes,) or not np.isin(truth, (0, 1)).all():
        raise InputError(f"labels of shape {list(truth.shape)} for {classes} findings")
    return truth.astype(np.int64)


def cross_entropy(labels: NDArray[Any], probabilities: FloatArray, kind: Kind) -> float:
    """Mean negative log-likelihood; of several findings at once the mean over them.

    Args:
        labels: Class ``[n]``, or 0 and 1 ``[n, classes]``.
        probabilities: ``[n, classes]``.
        kind: Of the answers.
    """
    chance = np.clip(probabilities, _LEAST_CHANCE, 1 - _LEAST_CHANCE)
    truth = truth_table(labels, probabilities.shape[1])
    if kind == "multilabel":
        return float(-np.mean(np.where(truth == 1, np.log(chance), np.log1p(-chance))))
    return float(-np.mean(np.log((truth * chance).sum(axis=1))))


def measure(
    labels: NDArray[Any],
    probabilities: FloatArray,
    decisions: IntArray,
    *,
    classes: tuple[str, ...],
    positive: int,
    threshold: float,
    kind: Kind,
    seed: int = 0,
) -> Measures:
    """All measures.

    Args:
        labels: Index of the class ``[n]``; of several findings 0 and 1 ``[n, classes]``.
        probabilities: ``[n, classes]``, 0 … 1.
        decisions: As ``labels``.
        classes: Names.
        positive: Index of the class that two-class measures are of.
        threshold: Operating point that led to ``decisions``; for the record.
        kind: Of the answers.
        seed: Of the bootstrap.

    Raises:
        InputError: No cases, shapes that do not fit, or values that are not probabilities.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes) or not len(labels):
        raise InputError(
            f"probabilities of shape {list(probabilities.shape)} for {len(labels)} cases "
            f"and {len(classes)} classes"
        )
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise InputError("some probabilities are not between 0 and 1")
    truth, decided = (truth_table(part, len(classes)) for part in (labels, decisions))
    shown = [positive] if kind == "binary" else list(range(len(classes)))
    draws = draws_for(len(truth), len(shown))
    strata = None if kind == "multilabel" else np.asarray(labels)
    areas = _areas(truth[:, shown], probabilities[:, shown], strata, draws, seed)
    each = tuple(
        _of_class(classes[k], truth[:, k], decided[:, k], probabilities[:, k], area)
        for k, area in zip(shown, areas[:-1], strict=True)
    )
    both = kind == "binary" and 0 < truth[:, positive].sum() < len(truth)
    right = truth == decided if kind == "multilabel" else (truth == decided).all(axis=1)
    return Measures(
        kind=kind,
        n=len(truth),
        loss=cross_entropy(labels, probabilities, kind),
        accuracy=wilson(int(right.sum()), right.size),
        auc=areas[-1],
        auc_delong=delong(truth[:, positive], probabilities[:, positive]) if both else None,
        average_precision=_mean([found.average_precision for found in each]),
        precision=_mean([found.precision.value for found in each]),
        recall=_mean([found.sensitivity.value for found in each]),
        f1=_mean([found.f1 for found in each]),
        rmse=float(np.sqrt(np.mean((probabilities[:, shown] - truth[:, shown]) ** 2))),
        calibration=_calibrated(truth, decided, probabilities, positive, kind),
        threshold=threshold,
        classes=each,
        confusion=None if kind == "multilabel" else tuple(map(tuple, (truth.T @ decided).tolist())),
        labels=classes,
        bootstrap_draws=draws,
    )


def _areas(
    truth: IntArray, scores: FloatArray, strata: NDArray[Any] | None, draws: int, seed: int
) -> list[Estimate]:
    """AUC of each column and, last, their mean, from the same resamples."""

    def areas(chosen: Indices) -> FloatArray:
        found = np.array([_area(truth[chosen, k], scores[chosen, k]) for k in range(columns)])
        known = found[np.isfinite(found)]
        # a class that no case has does not make the mean of the others unknown
        return np.append(found, known.mean() if known.size else np.nan)

    columns = truth.shape[1]
    return percentile_intervals(areas, strata, len(truth), draws=draws, seed=seed)


def _area(truth: IntArray, scores: FloatArray) -> float:
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return float("nan")
    above = midranks(scores)[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _of_class(
    name: str, truth: IntArray, decided: IntArray, scores: FloatArray, area: Estimate
) -> ClassMeasures:
    hits = int((truth & decided).sum())
    found, count, n = int(decided.sum()), int(truth.sum()), len(truth)
    cleared = n - found - (count - hits)  # of those without the class
    return ClassMeasures(
        name=name,
        count=count,
        auc=area,
        average_precision=precision_recall_curve(truth, scores).average_precision
        if count
        else None,
        sensitivity=wilson(hits, count),
        specificity=wilson(cleared, n - count),
        precision=wilson(hits, found),
        negative_predictive_value=wilson(cleared, n - found) if n > found else UNKNOWN,
        f1=2 * hits / (found + count) if found + count else None,
    )


def _calibrated(
    truth: IntArray, decided: IntArray, probabilities: FloatArray, positive: int, kind: Kind
) -> Calibration:
    squares = (probabilities - truth) ** 2
    if kind == "binary":
        return calibration(
            truth[:, positive], probabilities[:, positive], float(squares[:, positive].mean())
        )
    if kind == "multilabel":
        return calibration(truth.ravel(), probabilities.ravel(), float(squares.mean()))
    chosen = (decided * probabilities).sum(axis=1)
    return calibration((truth & decided).sum(axis=1), chosen, float(squares.sum(axis=1).mean()))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
