"""Many small networks at once, each trained on its own half of the records.

Reference ("shadow") models of membership inference and its two controls. All networks of a call
are one batched product, so that 33 take little more time than one. They are stand-ins for the
served models: dense networks with squares, not the shipped convolutional ones (whose training
takes a minute each); the report says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.lab.extras import extra

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_HIDDEN = 128
_BATCH = 64


@dataclass(frozen=True)
class Lesson:
    """How the networks are trained.

    Args:
        epochs: Passes over a network's own records.
        decay: Weight decay; 0 lets a network learn by heart.
        learning_rate: Of Adam.
        label_noise: Share of labels drawn at random, the same for all networks: records that can
            only be learned by heart.
    """

    epochs: int
    decay: float
    learning_rate: float = 1e-3
    label_noise: float = 0.0


OVERFITTED = Lesson(epochs=80, decay=0.0, label_noise=0.5)
"""The positive control: an attack that finds nothing here is broken."""
REGULAR = Lesson(epochs=12, decay=1e-2)
"""As a careful person trains."""


@dataclass(frozen=True)
class Trained:
    """The networks' answers about all records.

    Args:
        probabilities: Of each record's (noisy) true class, ``[models, records]``.
        inside: Whether the model was trained on it, ``[models, records]``.
        accuracy_inside: Mean over models, on their own records.
        accuracy_outside: On the others.
    """

    probabilities: FloatArray
    inside: BoolArray
    accuracy_inside: float
    accuracy_outside: float


def random_halves(models: int, records: int, seed: int) -> BoolArray:
    """Membership such that every model has half of the records: bool ``[models, records]``.

    Models are independent. Dealing each record to exactly half of the models would not be: with
    the target a member, fewer of the others are, which pulls scores towards "no member".
    """
    order = np.random.default_rng(seed).random((models, records)).argsort(axis=1)
    return np.asarray(order < records // 2)


def train_halves(
    inputs: FloatArray,
    labels: NDArray[np.int64],
    inside: BoolArray,
    lesson: Lesson,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Trained:
    """Trains one network for each row of ``inside``.

    Args:
        inputs: ``[records, features]``, about unit scale.
        labels: 0 or 1, ``[records]``.
        inside: ``[models, records]``.
        lesson: How.
        seed: Of weights, noise and order.
        progress: Told of (epoch, epochs).
    """
    torch = extra("torch", "train")
    rng = np.random.default_rng(seed)
    noisy = rng.random(len(labels)) < lesson.label_noise
    truth = np.where(noisy, rng.integers(0, 2, len(labels)), labels)
    network = Networks(torch, len(inside), inputs.shape[1], seed)
    x = torch.tensor(inputs, dtype=torch.float32)
    y = torch.tensor(truth, dtype=torch.float32)
    optimiser = torch.optim.AdamW(
        network.weights, lr=lesson.learning_rate, weight_decay=lesson.decay
    )
    # every network has its own records and its own order; sizes differ by a few, short ones repeat
    longest = int(inside.sum(axis=1).max())
    for epoch in range(lesson.epochs):
        order = np.stack([np.resize(rng.permutation(np.flatnonzero(r)), longest) for r in inside])
        for start in range(0, longest, _BATCH):
            chosen = torch.tensor(order[:, start : start + _BATCH])
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                network(x[chosen]), y[chosen], reduction="none"
            )
            optimiser.zero_grad()
            loss.mean(dim=1).sum().backward()
            optimiser.step()
        progress(epoch + 1, lesson.epochs)
    return answers_about(torch, network, x, truth, inside)


def answers_about(
    torch: Any, network: Networks, x: Any, truth: NDArray[np.int64], inside: BoolArray
) -> Trained:
    """What trained networks say about all records.

    Args:
        torch: The package.
        network: Trained.
        x: ``[records, features]``.
        truth: Labels 0 or 1, as learned, ``[records]``.
        inside: ``[models, records]``.
    """
    with torch.no_grad():
        logits = network(x.expand(len(inside), -1, -1)).double().numpy()
    positive = 1 / (1 + np.exp(-np.clip(logits, -50, 50)))
    probabilities = np.where(truth == 1, positive, 1 - positive)
    right = probabilities > 0.5
    return Trained(probabilities, inside, float(right[inside].mean()), float(right[~inside].mean()))


class Networks:
    """Dense, square plus linear, dense; one a model: the activation our served models have."""

    def __init__(self, torch: Any, models: int, features: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)

        def weights(*shape: int) -> Any:
            scale = shape[-2] ** -0.5
            return (scale * torch.randn(shape, generator=generator)).requires_grad_()

        self._torch = torch
        self.weights = [
            weights(models, features, _HIDDEN),
            torch.zeros(models, 1, _HIDDEN, requires_grad=True),
            weights(models, _HIDDEN, 1),
            torch.zeros(models, 1, 1, requires_grad=True),
        ]

    def __call__(self, x: Any) -> Any:
        """Logits ``[models, records]`` for ``[models, records, features]``."""
        return self.layers(x)[2]

    def layers(self, x: Any) -> tuple[Any, Any, Any]:
        """Hidden values before and after the activation, and logits."""
        first, bias, second, last = self.weights
        before = self._torch.baddbmm(bias, x, first)
        hidden = before + 0.5 * before * before / (1 + 0.1 * before.abs())
        return before, hidden, self._torch.baddbmm(last, hidden, second).squeeze(-1)
