"""How far a replaced model is from the original, on records that it was not fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray
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
    """Compares logits ``[records, outputs]``, and decisions at the operating point."""
    before, after = signature.probabilities(original), signature.probabilities(replaced)
    decided, decided_after = _decisions(signature, before), _decisions(signature, after)
    accuracy = None
    if (
        labels is not None
        and decided.ndim == 1
        and labels.size
        and labels.min() >= 0
        and labels.max() < before.shape[1]
    ):
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


def _are_classes(labels: NDArray[np.int64], count: int) -> bool:
    return bool(labels.size and labels.min() >= 0 and labels.max() < count)


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
