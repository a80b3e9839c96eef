"""One training run: deterministic from its seed, weights averaged, ranges kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from safelight.errors import InputError
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.lessons import Lessons
from safelight.models.training.quadratic import Quadratic

Trained = TypeVar("Trained", bound=nn.Module)

Progress = Callable[[int, int, float], None]
"""Called after each epoch with the epoch, the number of epochs and the mean loss."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Args:
        epochs: Passes over the training images.
        batch_size: Images a step.
        learning_rate: Peak of a one-cycle schedule (short warm-up, then a cosine to zero).
        weight_decay: Decoupled (AdamW), on weights of convolutions and dense layers only.
        label_smoothing: Share of the target that is spread evenly.
        mixup: Shape of the Beta distribution of mixing weights; 0 turns mixing off.
        range_penalty: Weight of the penalty for inputs of quadratics beyond their comfort.
        average_decay: Of the exponential moving average of the weights, a step.
        teacher_weight: Share of the loss that follows the teacher, where there is one.
        passes: Draws of every image that a student's epochs share (`Lessons`).
        augmentation: Changes to each image.
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
    passes: int = 40
    augmentation: Augmentation = field(default_factory=Augmentation)


def images_to_tensor(images: NDArray[np.uint8]) -> Tensor:
    """float32 ``[n, channels, height, width]`` in 0 … 1 of bytes ``[n, height, width(, 3)]``."""
    array = images[..., None] if images.ndim == 3 else images
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2))).float() / 255


def fit(
    network: Trained,
    lessons: Callable[[int], Lessons],
    *,
    mean: float,
    std: float,
    recipe: Recipe,
    seed: int,
    progress: Progress | None = None,
) -> Trained:
    """Trains a binary network with one logit and returns its weight-averaged copy.

    Both classes weigh alike whatever their share of the training images, so that a logit of 0
    means even odds at even prevalence.

    Args:
        network: Freshly made (under ``torch.manual_seed(seed)``); changed in place.
        lessons: For each epoch (from 0) the lessons to draw on; may be the same every time.
        mean: Of the normalisation that preprocessing applies.
        std: As ``mean``.
        recipe: How to train.
        seed: Of the order of images.
        progress: Told of each epoch.

    Raises:
        InputError: A loss that is no longer a number.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = _steps_per_epoch(lessons(0).images.shape[1], recipe.batch_size)
    optimiser = _optimiser(network, recipe)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.1
    )
    average: Trained = copy.deepcopy(network).eval()
    done = 0
    for epoch in range(recipe.epochs):
        network.train()
        total = 0.0
        batches = lessons(epoch).batches(epoch, recipe.batch_size, generator)
        for images, target, weight, answer in batches:
            loss = _loss(network, (images - mean) / std, target, weight, answer, recipe)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            done += 1
            _average_into(average, network, min(recipe.average_decay, done / (done + 9)))
            total += float(loss.detach())
        if not math.isfinite(total):
            raise InputError(
                f"the loss is not a number after epoch {epoch + 1}",
                hint="lower the learning rate or raise the range penalty",
            )
        if progress is not None:
            progress(epoch + 1, recipe.epochs, total / steps)
    return average


def _steps_per_epoch(count: int, batch_size: int) -> int:
    whole, rest = divmod(count, batch_size)
    return whole + (rest >= 2)  # a batch of one is left out


def _loss(
    network: nn.Module,
    batch: Tensor,
    target: Tensor,
    weight: Tensor,
    answer: Tensor | None,
    recipe: Recipe,
) -> Tensor:
    logit = network(batch)[:, 0]
    smooth = target * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
    hard = functional.binary_cross_entropy_with_logits(logit, smooth, weight=weight)
    loss: Tensor = hard
    if answer is not None:
        follow = functional.binary_cross_entropy_with_logits(logit, answer)
        loss = (1 - recipe.teacher_weight) * hard + recipe.teacher_weight * follow
    for layer in network.modules():
        if isinstance(layer, Quadratic):
            loss = loss + recipe.range_penalty * layer.penalty
    return loss


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


def predict(network: nn.Module, images: Tensor, *, mean: float, std: float) -> NDArray[np.float64]:
    """The logits ``[n]`` of images of 0 … 1, in evaluation mode."""
    network.eval()
    with torch.no_grad():
        parts = [network((part - mean) / std)[:, 0] for part in images.split(512)]
    logits: NDArray[np.float64] = torch.cat(parts).double().numpy()
    return logits
