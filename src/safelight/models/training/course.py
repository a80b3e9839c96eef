"""One training run of any task: deterministic from its seed, resumable after every epoch.

What a run is depends on its seed, recipe and data only; a run that is stopped and continued
from its checkpoint ends with the same weights, bit by bit, at the same number of threads.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.errors import InputError
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.checkpoint import load_checkpoint, save_checkpoint
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import Normalisation, brightness
from safelight.models.training.quadratic import Quadratic

EpochWatch = Callable[[int, int, float, float], None]
"""Told after each epoch: the epoch, how many, the mean loss, the validation AUC."""

Teacher = Callable[[Tensor], Tensor]
"""Probabilities ``[batch, logits]`` of a normalised batch."""

_SMOOTHING = 0.5  # of validation AUC over epochs: a small validation split is noisy
_IMPROVEMENT = 1e-4  # of AUC, for patience
_WARM_UP = 0.1
_EVALUATED_AT_ONCE = 512


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        epochs: Passes over the training images at most.
        batch_size: Images a step.
        learning_rate: Peak of a one-cycle schedule (short warm-up, then a cosine to zero).
        weight_decay: Decoupled (AdamW), on weights of convolutions and dense layers only.
        label_smoothing: Share of the target that is spread.
        mixup: Shape of the Beta distribution of mixing weights; 0 turns mixing off.
        range_penalty: Weight of the penalty for inputs of quadratics beyond their comfort.
        average_decay: Of the exponential moving average of the weights, a step.
        teacher_weight: Share of the loss that follows the teacher, where there is one.
        patience: Epochs without a better validation AUC before it stops; 0 for never.
        images_per_epoch: Fewer than there are, drawn anew each epoch; 0 for all.
        augmentation: Changes to each image; None for none.
    """

    epochs: int = 60
    batch_size: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    mixup: float = 0.2
    range_penalty: float = 0.5
    average_decay: float = 0.998
    teacher_weight: float = 0.7
    patience: int = 0
    images_per_epoch: int = 0
    augmentation: Augmentation | None = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Material:
    """What is learned from and judged on.

    Args:
        images: uint8 ``[n, channels, height, width]``.
        labels: int64 ``[n]`` or ``[n, findings]``.
        val_images: As ``images``.
        val_labels: As ``labels``.
        normalisation: Of a batch.
        objective: Of the task.
    """

    images: Tensor
    labels: Tensor
    val_images: Tensor
    val_labels: Tensor
    normalisation: Normalisation
    objective: Objective


@dataclass
class Progress:
    """What one run has reached.

    Args:
        epochs: How many there will be: those of the recipe, or fewer where time ran short.
        epoch: Epochs done.
        done: Share of the schedule that is behind, 0 … 1.
        seconds: Spent so far.
        best_epoch: With the best smoothed validation AUC.
        improved_epoch: The last that was better by more than `_IMPROVEMENT`.
        best_auc: That AUC.
        smoothed: Of the last epoch.
        history: Loss and validation AUC of each epoch.
    """

    epochs: int
    epoch: int = 0
    done: float = 0.0
    seconds: float = 0.0
    best_epoch: int = 0
    improved_epoch: int = 0
    best_auc: float = -math.inf
    smoothed: float = math.nan
    history: list[tuple[float, float]] = field(default_factory=list)


class Course:
    """A run over epochs.

    Args:
        network: Freshly made (under ``torch.manual_seed(seed)``); changed in place.
        material: Data and task.
        recipe: How.
        seed: Of order and changes of images.
        teacher: To learn from beside the labels.
        checkpoint: File to continue from and to write after every epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        material: Material,
        recipe: Recipe,
        *,
        seed: int,
        teacher: Teacher | None = None,
        checkpoint: Path | None = None,
    ) -> None:
        self.network = network
        self.material = material
        self.recipe = recipe
        self.teacher = teacher
        self.checkpoint = checkpoint
        self.average = copy.deepcopy(network).eval()
        self.best = copy.deepcopy(self.average.state_dict())
        self.generator = torch.Generator().manual_seed(seed)
        self.optimiser = _optimiser(network, recipe)
        self.steps = steps_per_epoch(recipe, len(material.images))
        self.steps_done = 0
        self.progress = Progress(epochs=recipe.epochs)
        if checkpoint is not None and checkpoint.is_file():
            self._restore(checkpoint)

    def run(self, watch: EpochWatch | None = None, *, seconds: float = math.inf) -> Progress:
        """Trains to the end; `average` then holds the weights of the best epoch.

        Args:
            watch: Told of each epoch.
            seconds: Time for the whole run. Where the epochs so far say that it will not do,
                the schedule ends with fewer epochs; that is the one thing a clock decides.

        Raises:
            InputError: A loss or an output that is no longer a number.
        """
        while self.progress.epoch < self.progress.epochs and not self._out_of_patience():
            start = time.monotonic()
            loss = self._epoch()
            self._judge(loss)
            self.progress.seconds += time.monotonic() - start
            self._shorten(seconds)
            if self.checkpoint is not None:
                self._save(self.checkpoint)
            if watch is not None:
                last = self.progress.history[-1]
                watch(self.progress.epoch, self.progress.epochs, *last)
        self.average.load_state_dict(self.best)
        return self.progress

    def step(self, chosen: Tensor) -> float:
        """One step on the images at these positions; returns the loss."""
        material, recipe = self.material, self.recipe
        images = brightness(material.images[chosen])
        labels = material.labels[chosen]
        if recipe.augmentation is not None and images.dim() == 4:
            images = recipe.augmentation(images, self.generator)
        targets = material.objective.targets(labels, recipe.label_smoothing)
        weights = material.objective.example_weights(labels)
        if recipe.mixup > 0:
            share = _beta(recipe.mixup, self.generator)
            images = share * images + (1 - share) * images.flip(0)
            targets = share * targets + (1 - share) * targets.flip(0)
            weights = share * weights + (1 - share) * weights.flip(0)
        batch = material.normalisation(images)
        logits = self.network(batch)
        loss = material.objective.loss(logits, targets, weights)
        if self.teacher is not None:
            with torch.no_grad():
                answers = self.teacher(batch)
            follow = material.objective.loss(logits, answers)
            loss = (1 - recipe.teacher_weight) * loss + recipe.teacher_weight * follow
        for layer in self.network.modules():
            if isinstance(layer, Quadratic):
                loss = loss + recipe.range_penalty * layer.penalty
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = recipe.learning_rate * one_cycle(self.progress.done)
        self.optimiser.step()
        self.steps_done += 1
        self._average()
        return float(loss.detach())

    def _average(self) -> None:
        done = self.steps_done
        decay = min(self.recipe.average_decay, done / (done + 9))
        _average_into(self.average, self.network, decay)

    def _epoch(self) -> float:
        self.network.train()
        total = 0.0
        order = torch.randperm(len(self.material.images), generator=self.generator)
        order = order[: self.recipe.images_per_epoch or None]
        ahead = (1 - self.progress.done) / (self.progress.epochs - self.progress.epoch)
        begun = self.progress.done
        for number, chosen in enumerate(order.split(self.recipe.batch_size)):
            if number < self.steps:
                self.progress.done = begun + ahead * number / self.steps
                total += self.step(chosen)
        self.progress.done = begun + ahead
        if not math.isfinite(total):
            raise InputError(
                f"the loss is not a number after epoch {self.progress.epoch + 1}",
                hint="lower learning_rate or raise range_penalty in the configuration",
            )
        return total / self.steps

    def _judge(self, loss: float) -> None:
        logits = predict(self.average, self.material.val_images, self.material.normalisation)
        if not np.isfinite(logits).all():
            raise InputError(
                f"the network's answers are not numbers after epoch {self.progress.epoch + 1}",
                hint="lower learning_rate or raise range_penalty in the configuration",
            )
        auc = self.material.objective.auc(self.material.val_labels.numpy(), logits)
        progress = self.progress
        progress.epoch += 1
        progress.history.append((loss, auc))
        known = not math.isnan(progress.smoothed)
        progress.smoothed = (
            _SMOOTHING * progress.smoothed + (1 - _SMOOTHING) * auc if known else auc
        )
        if progress.smoothed > progress.best_auc + _IMPROVEMENT:
            progress.improved_epoch = progress.epoch
        if progress.smoothed >= progress.best_auc:
            progress.best_epoch, progress.best_auc = progress.epoch, progress.smoothed
            self.best = copy.deepcopy(self.average.state_dict())

    def _shorten(self, seconds: float) -> None:
        progress = self.progress
        if math.isinf(seconds):
            return
        affordable = int((seconds - progress.seconds) / (progress.seconds / progress.epoch))
        left = progress.epochs - progress.epoch
        if left > 0 and affordable < left:
            progress.epochs = progress.epoch + max(1, affordable)

    def _out_of_patience(self) -> bool:
        patience = self.recipe.patience
        return 0 < patience <= self.progress.epoch - self.progress.improved_epoch

    def _save(self, path: Path) -> None:
        save_checkpoint(
            path,
            {
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "best": self.best,
                "optimiser": self.optimiser.state_dict(),
                "generator": self.generator.get_state(),
                "torch_generator": torch.get_rng_state(),
                "steps_done": self.steps_done,
                "progress": vars(self.progress),
            },
        )

    def _restore(self, path: Path) -> None:
        state: dict[str, Any] = load_checkpoint(path)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.best = state["best"]
            self.optimiser.load_state_dict(state["optimiser"])
            self.generator.set_state(state["generator"])
            torch.set_rng_state(state["torch_generator"])
            self.steps_done = int(state["steps_done"])
            self.progress = Progress(**state["progress"])
        except (KeyError, TypeError, RuntimeError, ValueError) as exc:
            raise InputError(
                f"the checkpoint {path.name} is of another network or recipe",
                hint="remove the folder of checkpoints to start again",
            ) from exc


def one_cycle(done: float) -> float:
    """Share of the peak learning rate: up over the first tenth, then a cosine to zero.

    Args:
        done: Share of the schedule that is behind, 0 … 1.
    """
    if done < _WARM_UP:
        start = 1 / 25
        return start + (1 - start) * (1 - math.cos(math.pi * done / _WARM_UP)) / 2
    return (1 + math.cos(math.pi * (done - _WARM_UP) / (1 - _WARM_UP))) / 2


def steps_per_epoch(recipe: Recipe, count: int) -> int:
    """How many batches an epoch has; a last batch of one image is left out."""
    shown = min(recipe.images_per_epoch or count, count)
    whole, rest = divmod(shown, recipe.batch_size)
    return whole + (rest >= 2)


def predict(
    network: nn.Module, images: Tensor, normalisation: Normalisation
) -> NDArray[np.float64]:
    """The logits ``[n, logits]`` of uint8 images, in evaluation mode."""
    network.eval()
    with torch.no_grad():
        parts = [
            network(normalisation(brightness(part))) for part in images.split(_EVALUATED_AT_ONCE)
        ]
    logits: NDArray[np.float64] = torch.cat(parts).double().numpy()
    return logits


def _optimiser(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    decayed = [p for p in network.parameters() if p.dim() > 1]
    free = [p for p in network.parameters() if p.dim() <= 1]
    return torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": recipe.weight_decay},
            {"params": free, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
    )


def _average_into(average: nn.Module, network: nn.Module, decay: float) -> None:
    current = network.state_dict()
    for name, mine in average.state_dict().items():  # detached, but shares the weights' memory
        if mine.dtype.is_floating_point:
            mine.lerp_(current[name], 1 - decay)
        else:
            mine.copy_(current[name])


def _beta(shape: float, generator: torch.Generator) -> float:
    """A draw of Beta(shape, shape) from the run's own generator (Jöhnk's method)."""
    while True:
        first, second = torch.rand(2, generator=generator, dtype=torch.float64).tolist()
        left, right = first ** (1 / shape), second ** (1 / shape)
        if 0 < left + right <= 1:
            return float(left / (left + right))
