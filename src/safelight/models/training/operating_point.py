"""From logits to honest probabilities: temperature and threshold, from validation data only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.models.metrics import confusion_matrix


def balanced_log_loss(labels: NDArray[Any], logits: NDArray[Any]) -> float:
    """Negative log-likelihood of a logit, both classes weighing a half whatever their share."""
    truth = np.asarray(labels) == 1
    wrongness = np.logaddexp(0, np.where(truth, -logits, logits))
    return float((wrongness[truth].mean() + wrongness[~truth].mean()) / 2)


def balanced_accuracy(
    labels: NDArray[Any], logits: NDArray[Any], *, threshold_logit: float = 0.0
) -> float:
    """Mean of sensitivity and specificity."""
    found = confusion_matrix(labels, (logits >= threshold_logit).astype(int))
    return (found.sensitivity + found.specificity) / 2


def fit_temperature(labels: NDArray[Any], logits: NDArray[Any]) -> float:
    """The divisor of the logits that makes their balanced log loss smallest, within 0.25 … 4."""
    candidates = np.exp(np.linspace(np.log(0.25), np.log(4.0), 401))
    losses = [balanced_log_loss(labels, logits / temperature) for temperature in candidates]
    return float(candidates[int(np.argmin(losses))])
