"""How far a replaced model is from the original, on records that it was not fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray
from safelight.circuit.outputs import Outputs
from safelight.circuit.signature import Signature
from safelight.models.importers.imported_model import Agreement


def agreement_of(
    original: FloatArray,
    replaced: FloatArray,
    signature: Signature,
    labels: NDArray[np.int64] | None,
    *,
    held_out: bool,
) -> Agreement:
    """Compares logits ``[records, outputs]``, and decisions at the operating point.

    Args:
        original: Of the source.
        replaced: Of the encrypted model.
        signature: Of the encrypted model.
        labels: Class of each record, where `useless_labels` has nothing against them.
        held_out: Whether no fit has seen the records.
    """
    before, after = signature.probabilities(original), signature.probabilities(replaced)
    decided, decided_after = _decisions(signature, before), _decisions(signature, after)
    accuracy = None
    if labels is not None and decided.ndim == 1:
        accuracy = (
            float(np.mean(decided == labels)),
            float(np.mean(decided_after == labels)),
        )
    return Agreement(
        records=len(original),
        held_out=held_out,
        decisions=float(np.mean((decided == decided_after).reshape(len(decided), -1).all(axis=1))),
        logit_error=float(np.abs(original - replaced).max()),
        logit_spread=float(original.std()),
        probability_error=float(np.abs(before - after).max()),
        accuracy=accuracy,
    )


def useless_labels(labels: NDArray[np.int64], outputs: Outputs) -> str:
    """Why no accuracy can be told from calibration labels; empty where it can."""
    if outputs.kind == "multilabel":
        return "The labels are one a record, the findings several: no accuracy is given."
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(outputs.classes):
        return (
            f"Labels from {low} to {high} for {len(outputs.classes)} classes: no accuracy is given."
        )
    if low == high:
        return (
            f"All {labels.size} calibration labels are {outputs.classes[low]!r}: no accuracy is "
            "given, and records of other classes may leave the ranges."
        )
    return ""


def _decisions(signature: Signature, probabilities: FloatArray) -> NDArray[np.int64]:
    """As the client decides: two classes by the operating point, more by the largest.

    Several findings at once: 0 or 1 for each, ``[records, classes]``.
    """
    outputs = signature.outputs
    if outputs.kind == "multilabel":
        return (probabilities >= outputs.threshold).astype(np.int64)
    if len(outputs.classes) == 2:
        positive = outputs.classes.index(outputs.positive)
        above = probabilities[:, positive] >= outputs.threshold
        return np.where(above, positive, 1 - positive).astype(np.int64)
    return np.asarray(np.argmax(probabilities, axis=1), dtype=np.int64)
