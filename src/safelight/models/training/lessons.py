"""What a student is shown: changed and mixed images with their targets, drawn once, used often.

A teacher's answers cost several times as much as a student's step. So the changed images are
drawn for a number of passes, answered once, and shared by all epochs and all seeds of a student.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from safelight.errors import InputError
from safelight.models.training.augmentation import Augmentation


@dataclass(frozen=True)
class Lessons:
    """Passes over a training set.

    Args:
        images: uint8 ``[passes, n, channels, height, width]``, 255 for 1.
        targets: float32 ``[passes, n]``: mixed labels.
        weights: float32 ``[passes, n]``: so that both classes weigh alike in all.
        answers: float32 ``[passes, n]``: the teacher's probability; None without a teacher.
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


def draw_lessons(
    images: Tensor,
    labels: Tensor,
    *,
    passes: int,
    augmentation: Augmentation,
    mixup: float,
    seed: int,
    mean: float,
    std: float,
    teacher: Callable[[Tensor], Tensor] | None = None,
) -> Lessons:
    """Draws passes of changed and mixed images; asks the teacher, if any, about each.

    Args:
        images: float32 ``[n, channels, height, width]``, 0 … 1.
        labels: int64 0 or 1, ``[n]``.
        passes: How many times each image is drawn.
        augmentation: Changes to each image.
        mixup: Shape of the Beta distribution of mixing weights; 0 turns mixing off.
        seed: Of everything random.
        mean: Of the normalisation before the teacher.
        std: As ``mean``.
        teacher: Logits ``[batch]`` of a normalised batch.

    Raises:
        InputError: One class only.
    """
    share_positive = float(labels.float().mean())
    if not 0 < share_positive < 1:
        raise InputError("the training labels hold one class only", hint="check the label column")
    class_weight = torch.tensor([0.5 / (1 - share_positive), 0.5 / share_positive])
    generator = torch.Generator().manual_seed(seed)
    mixing = np.random.default_rng(seed)
    count = len(images)
    drawn = torch.empty((passes, *images.shape), dtype=torch.uint8)
    targets, weights = torch.empty(passes, count), torch.empty(passes, count)
    answers = None if teacher is None else torch.empty(passes, count)
    for draw in range(passes):
        for part in torch.randperm(count, generator=generator).split(64):
            batch = augmentation(images[part], generator)
            target, weight = labels[part].float(), class_weight[labels[part]]
            if mixup > 0:
                share = float(mixing.beta(mixup, mixup))
                batch = share * batch + (1 - share) * batch.flip(0)
                target = share * target + (1 - share) * target.flip(0)
                weight = share * weight + (1 - share) * weight.flip(0)
            drawn[draw, part] = (batch * 255).round().to(torch.uint8)
            targets[draw, part], weights[draw, part] = target, weight
            if teacher is not None and answers is not None:
                with torch.no_grad():
                    answers[draw, part] = torch.sigmoid(teacher((batch - mean) / std))
    return Lessons(drawn, targets, weights, answers)
