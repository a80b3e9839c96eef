"""What decrypted numbers mean: classes, activation, operating point, and maps of a class's score.

A **class-activation map** is a logit before its average: ``logit = mean of map``. Where a model
has maps, the service returns them instead of the logits, and the client averages. So the heatmap
costs no further round and no level. What travels is each place's share of the average, the map
divided by its number of places: no larger than a logit, so it needs no wider scales.
**Source**: Zhou et al. 2016, Learning Deep Features for Discriminative Localization.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from safelight.circuit.sparse import FloatArray

ACTIVATIONS = ("sigmoid", "softmax", "sigmoid_each")
MAX_MAP_SIDE = 256  # of a map: an image of 4096 pixels after four strides

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class Outputs:
    """What the decrypted numbers mean.

    Args:
        classes: Names, in order of the logits; for one logit [negative, positive].
        activation: Applied by the client: ``sigmoid`` (one logit, two classes), ``softmax`` (one
            class of several), ``sigmoid_each`` (a logit a finding, any number of them at once).
        positive: The class that sensitivity and threshold speak of.
        threshold: Operating point on the probability of ``positive``; with ``sigmoid_each`` of
            every finding.
        temperature: Logits are divided by it.
        map_shape: Height and width of the class-activation map that comes in place of each
            logit; empty where the logits themselves come.
    """

    classes: tuple[str, ...]
    activation: str
    positive: str
    threshold: float
    temperature: float = 1.0
    map_shape: tuple[int, ...] = ()

    @property
    def kind(self) -> Kind:
        """Two classes, one class of several, or several findings at once."""
        if self.activation == "sigmoid_each":
            return "multilabel"
        return "binary" if len(self.classes) == 2 else "multiclass"

    @property
    def logits(self) -> int:
        """How many logits there are."""
        return 1 if self.activation == "sigmoid" else len(self.classes)

    @property
    def numbers(self) -> int:
        """How many numbers of one record come back: logits, or all shares of them."""
        return self.logits * self.places

    @property
    def places(self) -> int:
        """Elements of a map; 1 without."""
        return math.prod(self.map_shape)

    def is_sound(self) -> bool:
        """Whether the fields fit together and are in range; they may come from a stranger."""
        count = len(self.classes)
        least = {"sigmoid": 2, "softmax": 2, "sigmoid_each": 1}.get(self.activation, count + 1)
        return (
            least <= count == len(set(self.classes))
            and (self.activation != "sigmoid" or count == 2)
            and self.positive in self.classes
            and 0.0 < self.threshold < 1.0
            and 1e-6 < self.temperature < 1e6
            and len(self.map_shape) in (0, 2)
            and all(0 < side <= MAX_MAP_SIDE for side in self.map_shape)
        )


def maps_of(outputs: Outputs, numbers: FloatArray) -> FloatArray:
    """Class-activation maps ``[records, logits, height, width]`` of ``[records, numbers]``.

    Without a map shape each map is one number, the logit.
    """
    height, width = outputs.map_shape or (1, 1)
    shares = numbers.reshape(len(numbers), outputs.logits, height, width)
    return np.asarray(outputs.places * shares)


def logits_of(outputs: Outputs, numbers: FloatArray) -> FloatArray:
    """Logits ``[records, logits]``: the average of each map."""
    return np.asarray(maps_of(outputs, numbers).mean(axis=(2, 3)))


def probabilities(
    outputs: Outputs, logits: FloatArray, temperature: float | None = None
) -> FloatArray:
    """Probability of each class, ``[records, classes]``.

    Args:
        outputs: Their meaning.
        logits: ``[records, logits]``.
        temperature: Instead of that of ``outputs``.
    """
    divisor = outputs.temperature if temperature is None else temperature
    scaled = np.clip(logits / divisor, -500.0, 500.0)
    if outputs.activation == "sigmoid":
        positive = 1.0 / (1.0 + np.exp(-scaled[:, 0]))
        columns = [positive, 1.0 - positive]
        if outputs.classes[0] != outputs.positive:
            columns.reverse()
        return np.stack(columns, axis=1)
    if outputs.activation == "sigmoid_each":
        return np.asarray(1.0 / (1.0 + np.exp(-scaled)))
    exponents = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))
