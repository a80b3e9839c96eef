"""Logistic regression on pixels: the simplest thing that learns, kept as a matrix and a bias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, RecordError
from safelight.models.baselines.baseline import Arrays, FloatArray

# Inverse strength of the penalty, chosen on validation data.
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class Logistic:
    """Logits of each class, then softmax; of several findings at once a sigmoid each.

    Args:
        weight: float64 ``[columns, features]``.
        bias: float64 ``[columns]``.
        each: Whether findings are independent.
    """

    weight: FloatArray
    bias: FloatArray
    each: bool

    def probabilities(self, inputs: FloatArray) -> FloatArray:
        """``[n, columns]``."""
        logits = inputs.reshape(len(inputs), -1) @ self.weight.T + self.bias
        if self.each:
            return np.asarray(1 / (1 + np.exp(-np.clip(logits, -500, 500))))
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    @property
    def arrays(self) -> Arrays:
        """Weight and bias."""
        return {"weight": self.weight, "bias": self.bias}

    @property
    def options(self) -> Mapping[str, Any]:
        """Whether findings are independent."""
        return {"each": self.each}

    @property
    def parameter_count(self) -> int:
        """Weights and biases."""
        return int(self.weight.size + self.bias.size)

    @classmethod
    def rebuilt(cls, arrays: Arrays, features: int, columns: int, *, each: bool) -> Logistic:
        """From `arrays`.

        Raises:
            RecordError: Arrays missing or of other shapes.
        """
        try:
            found = cls(
                np.asarray(arrays["weight"], np.float64),
                np.asarray(arrays["bias"], np.float64),
                each,
            )
        except (KeyError, ValueError, TypeError) as exc:
            raise RecordError("the stored logistic regression is damaged") from exc
        if found.weight.shape != (columns, features) or found.bias.shape != (columns,):
            raise RecordError(f"a stored weight of shape {list(found.weight.shape)} does not fit")
        return found


def fit_logistic(
    inputs: FloatArray,
    labels: NDArray[np.int64],
    val_inputs: FloatArray,
    val_labels: NDArray[np.int64],
    columns: int,
) -> Logistic:
    """The one of several strengths of penalty with the least validation loss; classes weigh alike.

    Args:
        inputs: ``[n, …]``.
        labels: Class ``[n]``, or 0 and 1 ``[n, findings]``.
        val_inputs: Of validation.
        val_labels: Of validation.
        columns: Number of classes or findings.

    Raises:
        InputError: scikit-learn is not installed.
    """
    from safelight.models.measures import cross_entropy

    flat, several = inputs.reshape(len(inputs), -1), labels.ndim == 2
    mean, scale = flat.mean(axis=0), flat.std(axis=0) + 1e-6
    best: Logistic | None = None
    least = float("inf")
    for strength in STRENGTHS:
        if several:
            rows = [_one(flat, labels[:, k], strength, mean, scale, 2) for k in range(columns)]
            found = Logistic(
                np.stack([w[1] - w[0] for w, _ in rows]),
                np.array([b[1] - b[0] for _, b in rows]),
                each=True,
            )
        else:
            found = Logistic(*_one(flat, labels, strength, mean, scale, columns), each=False)
        loss = cross_entropy(
            val_labels,
            found.probabilities(val_inputs),
            "multilabel" if several else "multiclass",
        )
        if loss < least:
            best, least = found, loss
    assert best is not None
    return best


def _one(
    flat: FloatArray,
    labels: NDArray[np.int64],
    strength: float,
    mean: FloatArray,
    scale: FloatArray,
    columns: int,
) -> tuple[FloatArray, FloatArray]:
    """Weight ``[columns, features]`` and bias of one fit, on the inputs as they come."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as exc:
        raise InputError(
            "this baseline needs scikit-learn, which is not installed",
            hint="pip install 'safelight[data]'",
        ) from exc
    weight, bias = np.zeros((columns, flat.shape[1])), np.full(columns, -50.0)
    present = np.unique(labels)
    if present.size < 2:  # a finding that nobody or everybody has
        bias[present] = 0.0
        return weight, bias
    made = LogisticRegression(C=strength, class_weight="balanced", max_iter=400, tol=1e-3).fit(
        (flat - mean) / scale, labels
    )
    if len(present) == 2:
        coefficients = np.stack([np.zeros(flat.shape[1]), made.coef_[0]])
        intercepts = np.array([0.0, made.intercept_[0]])
    else:
        coefficients, intercepts = made.coef_, made.intercept_
    weight[present] = coefficients / scale
    bias[present] = intercepts - weight[present] @ mean
    return weight, bias
