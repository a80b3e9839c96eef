"""An evaluation with everything that a report shows: measures, curves, splits, protection."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.reference import evaluate
from safelight.circuit.signature import Signature
from safelight.client.client import Client
from safelight.client.diagnosis import PROBABILITY_DECIMALS, decide
from safelight.client.evaluation import Compared, Evaluation, compare
from safelight.client.receipt import Receipt
from safelight.errors import InputError, UnreachableError
from safelight.models.curves import (
    PrecisionRecallCurve,
    RocCurve,
    precision_recall_curve,
    roc_curve,
)
from safelight.models.held_out import HeldOut
from safelight.models.measures import Measures, cross_entropy, measure, truth_table
from safelight.models.registry import TrainedModel

FloatArray = NDArray[np.float64]

SCORE_BINS = 20
DIFFERENCE_DECADES = tuple(range(-9, 1))
"""Edges of the histogram of differences are powers of ten: a count a decade says how exact the
encrypted answers are and no more, while their single values would tell about the key."""


@dataclass(frozen=True)
class SplitScores:
    """One row of the table of training, validation and test: in the clear, all of the split."""

    split: str
    n: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class ClassCurves:
    """ROC and precision-recall curve of one class against the rest, in the clear."""

    name: str
    roc: RocCurve
    precision_recall: PrecisionRecallCurve


@dataclass(frozen=True)
class FullEvaluation:
    """What `safelight evaluate` prints as JSON and what its report shows.

    **Security**: of decrypted answers it has aggregates, and probabilities with three decimals.

    Args:
        evaluation: The short form: scores, agreement, times, bytes.
        created: Date and time, UTC, ISO 8601.
        clear: Measures of the whole split in the clear.
        encrypted: Measures of the inputs evaluated encrypted.
        clear_on_same: Measures of those inputs in the clear, to compare with.
        splits: Loss and accuracy of training, validation and test, those that can be had.
        curves: One entry a class; of two classes the positive one only.
        scores: For each class of ``curves`` the number of cases in each of 20 bins of its clear
            probability: ``[classes, 2, 20]``, first those without it, then those with it.
        scatter: ``[k, 2]`` clear and encrypted probability, three decimals each.
        difference_counts: Encrypted inputs by the size of their largest difference: below
            1e-9, then a decade each, up to 1.
        temperature: ``value``; ``fitted_on`` names the split, where the model says it.
        receipt: What the service signed last.
        about: Of the model: version, title, data.
    """

    evaluation: Evaluation
    created: str
    clear: Measures
    encrypted: Measures
    clear_on_same: Measures
    splits: tuple[SplitScores, ...]
    curves: tuple[ClassCurves, ...]
    scores: NDArray[np.int64]
    scatter: FloatArray
    difference_counts: tuple[int, ...]
    temperature: Mapping[str, Any]
    receipt: Receipt
    about: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object (docs/cli.md, docs/schemas/evaluate.schema.json)."""
        return asdict(self.evaluation) | {
            "created": self.created,
            "measures": {
                "clear": self.clear.to_json(),
                "encrypted": self.encrypted.to_json(),
                "clear_on_same": self.clear_on_same.to_json(),
            },
            "splits": [asdict(row) for row in self.splits],
            "curves": [_curve_json(curves) for curves in self.curves],
            "scores": self.scores.tolist(),
            "differences": {
                "decades": list(DIFFERENCE_DECADES),
                "counts": list(self.difference_counts),
            },
            "temperature": dict(self.temperature),
            "receipt": asdict(self.receipt),
            "about": dict(self.about),
        }


def evaluate_in_full(
    client: Client,
    model: TrainedModel,
    data: HeldOut,
    encrypted: int | None,
    *,
    others: Callable[[], Iterator[tuple[str, HeldOut]]] | None = None,
    watch: Callable[[str, float, float], None] | None = None,
) -> FullEvaluation:
    """Evaluates a split in the clear and part of it encrypted, and the other splits in the clear.

    Args:
        client: Of a service that has the model.
        model: The model.
        data: The split to report on.
        encrypted: How many of its inputs to evaluate encrypted; None for all.
        others: Gives (name, split) of further splits, for loss and accuracy only.
        watch: Called with progress.
    """
    compared = compare(client, model, data, encrypted, watch)
    signature = compared.signature
    positive = signature.outputs.classes.index(signature.outputs.positive)
    part = data.labels[compared.chosen]
    rows = [] if others is None else [_row(signature, model, *each) for each in others()]
    rows.append(_row_of(signature, data.dataset.rpartition("/")[2], data.labels, compared.clear))
    truth = truth_table(data.labels, len(signature.outputs.classes))
    shown = [positive] if signature.outputs.kind == "binary" else range(truth.shape[1])
    about = model.description.get("data", {})
    return FullEvaluation(
        evaluation=compared.evaluation,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        clear=_measures(signature, data.labels, compared.clear),
        encrypted=_measures(signature, part, compared.encrypted),
        clear_on_same=_measures(signature, part, compared.clear[compared.chosen]),
        splits=tuple(rows),
        curves=tuple(
            ClassCurves(
                signature.outputs.classes[k],
                roc_curve(truth[:, k], compared.clear[:, k]),
                precision_recall_curve(truth[:, k], compared.clear[:, k]),
            )
            for k in shown
            if 0 < truth[:, k].sum() < len(truth)
        ),
        scores=np.array([_score_counts(truth[:, k], compared.clear[:, k]) for k in shown]),
        scatter=_scatter(compared, positive),
        difference_counts=_difference_counts(compared),
        temperature={
            "value": signature.outputs.temperature,
            "fitted_on": str(model.description.get("calibration", {}).get("split", "")),
        },
        receipt=compared.receipt,
        about={
            "version": signature.version,
            "title": signature.title,
            "data": str(about.get("name", "")),
            "licence": str(about.get("licence", "")),
            "attribution": str(about.get("attribution", "")),
        },
    )


def _measures(signature: Signature, labels: NDArray[Any], probabilities: FloatArray) -> Measures:
    # noise may carry a decrypted probability past its end by less than what is ever shown
    within = np.clip(probabilities, 0.0, 1.0)
    outputs = signature.outputs
    return measure(
        labels,
        within,
        decide(signature, probabilities),
        classes=outputs.classes,
        positive=outputs.classes.index(outputs.positive),
        threshold=outputs.threshold,
        kind=outputs.kind,
    )


def _row(signature: Signature, model: TrainedModel, name: str, data: HeldOut) -> SplitScores:
    parts = np.array_split(data.inputs, max(1, len(data.inputs) // 256))
    logits = np.concatenate([evaluate(model.graph, part) for part in parts])
    return _row_of(signature, name, data.labels, signature.probabilities(logits))


def _row_of(
    signature: Signature, name: str, labels: NDArray[np.int64], probabilities: FloatArray
) -> SplitScores:
    return SplitScores(
        name,
        len(labels),
        cross_entropy(labels, probabilities, signature.outputs.kind),
        float((decide(signature, probabilities) == labels).mean()),
    )


def _score_counts(truth: NDArray[np.int64], chance: FloatArray) -> list[list[int]]:
    place = np.minimum((chance * SCORE_BINS).astype(int), SCORE_BINS - 1)
    return [np.bincount(place[truth == k], minlength=SCORE_BINS).tolist() for k in (0, 1)]


def _scatter(compared: Compared, positive: int) -> FloatArray:
    """Both probabilities of the positive class, as coarse as everything that is shown."""
    clear = compared.clear[compared.chosen, positive]
    pairs = np.stack([clear, compared.encrypted[:, positive]], axis=1)
    return np.asarray(np.round(np.clip(pairs, 0, 1), PROBABILITY_DECIMALS))


def _difference_counts(compared: Compared) -> tuple[int, ...]:
    largest = np.abs(compared.encrypted - compared.clear[compared.chosen]).max(axis=1)
    decades = np.floor(np.log10(np.maximum(largest, 1e-30)))
    place = np.clip(decades - DIFFERENCE_DECADES[0] + 1, 0, len(DIFFERENCE_DECADES) - 1)
    return tuple(np.bincount(place.astype(int), minlength=len(DIFFERENCE_DECADES)).tolist())


def _curve_json(curves: ClassCurves) -> dict[str, Any]:
    return {
        "name": curves.name,
        "roc": {
            "false_positive_rate": curves.roc.false_positive_rate.round(4).tolist(),
            "true_positive_rate": curves.roc.true_positive_rate.round(4).tolist(),
        },
        "precision_recall": {
            "recall": curves.precision_recall.recall.round(4).tolist(),
            "precision": curves.precision_recall.precision.round(4).tolist(),
        },
    }


def other_splits(
    load: Callable[[str], HeldOut], names: tuple[str, ...] = ("train", "val")
) -> Iterator[tuple[str, HeldOut]]:
    """The splits that can be had; one that is not there is no reason to report nothing."""
    for name in names:
        try:
            yield name, load(name)
        except (InputError, UnreachableError):
            continue
