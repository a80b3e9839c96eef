"""A fitted baseline: from preprocessed inputs to probabilities, whatever is inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs
from safelight.errors import InputError
from safelight.models.datasets.dataset import About

FloatArray = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

CLASSIC = ("random-forest", "logistic")
NETWORKS = ("relu-twin", "resnet18", "densenet121", "vit")
NAMES = (*CLASSIC, *NETWORKS)


class Predictor(Protocol):
    """What answers.

    **Contract**: ``probabilities`` takes float64 ``[n, *input_shape]`` and returns float64
    ``[n, classes]``; equal inputs give equal answers. ``arrays`` has all that was learned, and
    with ``options`` it can be rebuilt.
    """

    def probabilities(self, inputs: FloatArray) -> FloatArray:
        """Probability of each class."""
        ...

    @property
    def arrays(self) -> Arrays:
        """What was learned, by name."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """What else its kind needs to be rebuilt; JSON values."""
        ...

    @property
    def parameter_count(self) -> int:
        """How many numbers were learned."""
        ...


@dataclass(frozen=True)
class Baseline:
    """A fitted baseline.

    **Security**: ``plaintext`` level: whoever runs it sees the image.

    Args:
        name: One of `NAMES`.
        input_shape: Of one preprocessed input.
        preprocessing: Steps as data, as of a model.
        outputs: Classes and operating point; the predictor has applied activation and
            temperature already.
        predictor: What answers.
        data: ``name``, ``licence``, ``attribution`` of the training data.
        training: How it was fitted, for people.
    """

    name: str
    input_shape: tuple[int, ...]
    preprocessing: Mapping[str, Any]
    outputs: Outputs
    predictor: Predictor
    data: Mapping[str, str]
    training: Mapping[str, Any] = field(default_factory=dict)

    def probabilities(self, inputs: FloatArray) -> FloatArray:
        """Probability of each class, ``[n, classes]``.

        Args:
            inputs: float64 ``[n, *input_shape]``, preprocessed.

        Raises:
            InputError: Of another shape, or not finite.
        """
        if inputs.shape[1:] != self.input_shape or not np.isfinite(inputs).all():
            raise InputError(
                f"inputs of shape {list(inputs.shape[1:])} or not finite, where {self.name!r} "
                f"takes {list(self.input_shape)}"
            )
        return self.predictor.probabilities(np.asarray(inputs, dtype=np.float64))


def outputs_of(about: About) -> Outputs:
    """Meaning of the answers on a data set; 0.5 decides."""
    activation = {"binary": "sigmoid", "multi-label": "sigmoid_each"}.get(about.task, "softmax")
    positive = about.finding if about.task == "binary" else about.classes[0]
    return Outputs(about.classes, activation, positive, 0.5)


def decisions(outputs: Outputs, probabilities: FloatArray) -> NDArray[np.int64]:
    """As the client decides on a model's answers."""
    if outputs.kind == "multilabel":
        return np.asarray(probabilities >= outputs.threshold, dtype=np.int64)
    if outputs.kind == "binary":
        positive = outputs.classes.index(outputs.positive)
        above = probabilities[:, positive] >= outputs.threshold
        return np.where(above, positive, 1 - positive).astype(np.int64)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
