"""Trains one network in the clear within a time limit; validation chooses the epoch.

1. The time of a step is measured; it gives the number of epochs, unless that is asked for.
2. AdamW with one cycle of the learning rate, images changed as the data's kind allows, classes
   weighted as the encrypted models' training weighs them. Where the machine becomes slower than
   it was measured, the cycle goes by the clock and ends in time.
3. The epoch with the least validation loss is kept, and its temperature fitted on validation.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.circuit.outputs import Outputs, probabilities
from safelight.errors import InputError
from safelight.models.baselines.baseline import FloatArray
from safelight.models.baselines.networks import TorchPredictor, build
from safelight.models.calibration import fit_temperature
from safelight.models.datasets.dataset import About
from safelight.models.measures import cross_entropy
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.course import one_cycle
from safelight.models.training.objective import Objective

LEARNING_RATE = {"relu-twin": 4e-3, "resnet18": 1e-3, "densenet121": 1e-3, "vit": 5e-4}
BATCH = 64
MOST_EPOCHS = 60
SMOOTHING = 0.05
_MEASURED_STEPS = 3
_SHARE_FOR_STEPS = 0.85  # of the time; validation takes the rest

Told = Callable[[int, int, float], None]
"""Called after each epoch with the epoch, the number of epochs and the validation loss."""


def fit_network(
    name: str,
    images: Tensor,
    labels: NDArray[np.int64],
    val_images: Tensor,
    val_labels: NDArray[np.int64],
    *,
    about: About,
    outputs: Outputs,
    normalise: Callable[[Tensor], Tensor],
    augmentation: Augmentation,
    minutes: float,
    epochs: int | None = None,
    seed: int = 0,
    told: Told | None = None,
) -> tuple[TorchPredictor, int]:
    """A trained network and the number of its epochs.

    Args:
        name: Which.
        images: Training images, float32 ``[n, channels, height, width]`` of 0 … 1.
        labels: Of them.
        val_images: Of validation.
        val_labels: Of them.
        about: Of the data.
        outputs: Meaning of the answers.
        normalise: What preprocessing does last.
        augmentation: Changes to training images.
        minutes: For the whole training.
        epochs: Instead of what fits ``minutes``; then the result depends on the seed alone.
        seed: Of weights, order and changes.
        told: For progress.

    Raises:
        InputError: A loss that is no longer a number.
    """
    torch.manual_seed(seed)
    network = build(name, tuple(images.shape[1:]), outputs.logits)
    objective = Objective.of(about, labels)
    trainer = _Trainer(network, objective, normalise, augmentation, images, labels, seed)
    steps = math.ceil(len(images) / BATCH)
    if epochs is None:
        seconds = trainer.seconds_per_step()
        fitting = int(_SHARE_FOR_STEPS * 60 * minutes / (steps * seconds))
        epochs = max(1, min(MOST_EPOCHS, fitting))
        trainer.start(LEARNING_RATE[name], epochs * steps, 60 * minutes)
    else:
        trainer.start(LEARNING_RATE[name], epochs * steps, math.inf)
    best, least = copy.deepcopy(network.state_dict()), math.inf
    epoch = 0
    while trainer.share_done < 1:
        trainer.epoch()
        epoch += 1
        logits = _logits(network, normalise, val_images)
        loss = objective.selection_loss(val_labels, logits)
        if loss < least:
            best, least = copy.deepcopy(network.state_dict()), loss
        if told is not None:
            told(epoch, max(epoch, epochs), loss)
    network.load_state_dict(best)
    logits = _logits(network, normalise, val_images)

    def loss_at(temperature: float) -> float:
        return cross_entropy(val_labels, probabilities(outputs, logits, temperature), outputs.kind)

    temperature = round(fit_temperature(loss_at), 4)
    return TorchPredictor(network.eval(), replace(outputs, temperature=temperature)), epoch


class _Trainer:
    """One network's optimiser, order and changes."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        normalise: Callable[[Tensor], Tensor],
        augmentation: Augmentation,
        images: Tensor,
        labels: NDArray[np.int64],
        seed: int,
    ) -> None:
        self.network, self.objective, self.normalise = network, objective, normalise
        self.augmentation, self.images = augmentation, images
        self.labels = torch.from_numpy(np.ascontiguousarray(labels))
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser: torch.optim.Optimizer | None = None

    def seconds_per_step(self) -> float:
        """Measured on a copy, so that the training starts from the seed's weights."""
        kept = copy.deepcopy(self.network.state_dict())
        self.start(1e-6, 1000, math.inf)
        order = torch.arange(min(BATCH, len(self.images)))
        self._step(order)
        start = time.perf_counter()
        for _ in range(_MEASURED_STEPS):
            self._step(order)
        seconds = (time.perf_counter() - start) / _MEASURED_STEPS
        self.network.load_state_dict(kept)
        return max(seconds, 1e-4)

    def start(self, learning_rate: float, steps: int, seconds: float) -> None:
        """A fresh optimiser; one cycle over this many steps or seconds, whichever ends first."""
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=learning_rate, weight_decay=0.02
        )
        self.learning_rate, self.steps, self.seconds = learning_rate, steps, seconds
        self.done, self.began = 0, time.perf_counter()

    @property
    def share_done(self) -> float:
        """Of the cycle, 0 … 1 and beyond."""
        return max(self.done / self.steps, (time.perf_counter() - self.began) / self.seconds)

    def epoch(self) -> None:
        """One pass in random order."""
        for chosen in torch.randperm(len(self.images), generator=self.generator).split(BATCH):
            if len(chosen) > 1:  # batch norm needs two
                self._step(chosen)
            self.done += 1
            if self.share_done >= 1:
                return

    def _step(self, chosen: Tensor) -> None:
        assert self.optimiser is not None
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate * one_cycle(min(self.share_done, 1.0))
        self.network.train()
        changed = self.augmentation(self.images[chosen], self.generator)
        given = self.labels[chosen]
        loss = self.objective.loss(
            self.network(self.normalise(changed)),
            self.objective.targets(given, SMOOTHING),
            self.objective.example_weights(given),
        )
        if not torch.isfinite(loss):
            raise InputError(
                "the loss of a baseline is no longer a number",
                hint="look for damaged images; or leave this baseline out with --models",
            )
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()


def _logits(
    network: nn.Module, normalise: Callable[[Tensor], Tensor], images: Tensor
) -> FloatArray:
    network.eval()
    with torch.no_grad():
        parts = [network(normalise(part)).double().numpy() for part in images.split(256)]
    return np.concatenate(parts)
