"""Changed images with a teacher's answers, drawn once and shared by all students of any task.

A teacher's answers cost several times as much as a student's step, and a model is trained six
times over: three seeds, each with quadratics and with ReLU. `safelight.models.training.lessons`
is the same for one logit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from safelight.errors import InputError
from safelight.models.training.course import Material, Recipe, one_cycle, steps_per_epoch
from safelight.models.training.quadratic import Quadratic

Trained = TypeVar("Trained", bound=nn.Module)

EpochWatch = Callable[[int, int, float], None]
"""Told after each epoch: the epoch, how many, the mean loss."""


@dataclass(frozen=True)
class SharedLessons:
    """Passes over a training set.

    Args:
        images: uint8 ``[passes, n, channels, height, width]``, 255 for 1.
        targets: float32 ``[passes, n, logits]``: smoothed and mixed labels.
        weights: float32 ``[passes, n]``.
        answers: float32 ``[passes, n, logits]``: the teacher's probabilities, if there is one.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor
    answers: Tensor | None

    def batches(
        self, epoch: int, size: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
        """Batches of one pass in random order: images 0 … 1, targets, weights, answers."""
        draw = epoch % len(self.images)
        for chosen in torch.randperm(self.images.shape[1], generator=generator).split(size):
            if len(chosen) < 2:
                continue  # batch norm needs two
            answers = None if self.answers is None else self.answers[draw, chosen]
            images = self.images[draw, chosen].float() / 255
            yield images, self.targets[draw, chosen], self.weights[draw, chosen], answers

    def save(self, path: Path) -> None:
        """Writes them to a file of PyTorch's."""
        torch.save(vars(self), path)

    @classmethod
    def load(cls, path: Path) -> SharedLessons:
        """Reads what `save` wrote."""
        return cls(**torch.load(path, weights_only=True))


def draw_shared_lessons(
    material: Material,
    recipe: Recipe,
    *,
    passes: int,
    seed: int,
    teacher: Callable[[Tensor], Tensor] | None = None,
) -> SharedLessons:
    """Draws passes of changed and mixed images; asks the teacher, if any, about each.

    Args:
        material: Images, labels and task.
        recipe: Its augmentation, mixup and label smoothing are used.
        passes: How many times each image is drawn.
        seed: Of everything random.
        teacher: Logits ``[batch, logits]`` of a normalised batch.
    """
    generator = torch.Generator().manual_seed(seed)
    mixing = np.random.default_rng(seed)
    count = len(material.images)
    images = torch.empty((passes, *material.images.shape), dtype=torch.uint8)
    labelled = material.objective.targets(material.labels, recipe.label_smoothing)
    weighed = material.objective.example_weights(material.labels)
    targets, weights = torch.empty(passes, *labelled.shape), torch.empty(passes, count)
    answers = None if teacher is None else torch.empty_like(targets)
    for draw in range(passes):
        for part in torch.randperm(count, generator=generator).split(64):
            batch = material.images[part].float() / 255
            if recipe.augmentation is not None:
                batch = recipe.augmentation(batch, generator)
            target, weight = labelled[part], weighed[part]
            if recipe.mixup > 0:
                share = float(mixing.beta(recipe.mixup, recipe.mixup))
                batch = share * batch + (1 - share) * batch.flip(0)
                target = share * target + (1 - share) * target.flip(0)
                weight = share * weight + (1 - share) * weight.flip(0)
            images[draw, part] = (batch * 255).round().to(torch.uint8)
            targets[draw, part], weights[draw, part] = target, weight
            if teacher is not None and answers is not None:
                with torch.no_grad():
                    logits = teacher(material.normalisation(batch))
                answers[draw, part] = material.objective.probabilities(logits)
    return SharedLessons(images, targets, weights, answers)


def fit_on_lessons(
    network: Trained,
    lessons: Callable[[int], SharedLessons],
    material: Material,
    recipe: Recipe,
    *,
    seed: int,
    watch: EpochWatch | None = None,
) -> Trained:
    """Trains for all epochs of a recipe and returns the weight-averaged copy.

    Args:
        network: Freshly made (under ``torch.manual_seed(seed)``); changed in place.
        lessons: For each epoch (from 0) the lessons to draw on; may be the same every time.
        material: For its task and normalisation.
        recipe: How.
        seed: Of the order of images.
        watch: Told of each epoch.

    Raises:
        InputError: A loss that is no longer a number.
    """
    generator = torch.Generator().manual_seed(seed)
    steps = steps_per_epoch(recipe, len(material.images))
    matrices = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.learning_rate)
    average: Trained = copy.deepcopy(network).eval()
    done = 0
    for epoch in range(recipe.epochs):
        network.train()
        total = 0.0
        for images, targets, weights, answers in lessons(epoch).batches(
            epoch, recipe.batch_size, generator
        ):
            logits = network(material.normalisation(images))
            loss = material.objective.loss(logits, targets, weights)
            if answers is not None:
                follow = material.objective.loss(logits, answers)
                loss = (1 - recipe.teacher_weight) * loss + recipe.teacher_weight * follow
            for layer in network.modules():
                if isinstance(layer, Quadratic):
                    loss = loss + recipe.range_penalty * layer.penalty
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * one_cycle(done / (steps * recipe.epochs))
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            done += 1
            _average_into(average, network, min(recipe.average_decay, done / (done + 9)))
            total += float(loss.detach())
        if not math.isfinite(total):
            raise InputError(
                f"the loss is not a number after epoch {epoch + 1}",
                hint="lower the learning rate or raise the range penalty",
            )
        if watch is not None:
            watch(epoch + 1, recipe.epochs, total / steps)
    return average


def _average_into(average: nn.Module, network: nn.Module, decay: float) -> None:
    current = network.state_dict()
    for name, mine in average.state_dict().items():  # detached, but shares the weights' memory
        if mine.dtype.is_floating_point:
            mine.lerp_(current[name], 1 - decay)
        else:
            mine.copy_(current[name])
