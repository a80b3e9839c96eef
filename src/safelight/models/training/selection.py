"""Which of several seeds is shipped: by validation images, as they are and disturbed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from safelight.models import metrics
from safelight.models.datasets.split import Split
from safelight.models.training.architectures import Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.fit import images_to_tensor, predict
from safelight.models.training.operating_point import balanced_log_loss
from safelight.models.training.terminal import say


@dataclass(frozen=True)
class Candidate:
    """One trained seed and what validation says of it."""

    seed: int
    network: Network
    logits: metrics.Scores
    selection_loss: float


def disturbed(images: Tensor, *, draws: int = 4, seed: int = 100) -> Tensor:
    """Fixed random changes of images (no erasing), ``draws`` copies one after the other."""
    change = Augmentation(erase=0.0)
    copies = [change(images, torch.Generator().manual_seed(seed + k)) for k in range(draws)]
    return torch.cat(copies)


def judge(network: Network, seed: int, val: Split, *, mean: float, std: float) -> Candidate:
    """What validation says of a trained network; the least ``selection_loss`` is selected.

    Args:
        network: Trained, binary, one logit.
        seed: Of its training.
        val: The validation split, uint8 images.
        mean: Of the normalisation.
        std: As ``mean``.
    """
    images = images_to_tensor(val.inputs)
    logits = predict(network, images, mean=mean, std=std)
    copies = disturbed(images)
    copies_logits = predict(network, copies, mean=mean, std=std)
    copies_labels = np.tile(val.labels, len(copies) // len(images))
    loss = (
        balanced_log_loss(val.labels, logits) + balanced_log_loss(copies_labels, copies_logits)
    ) / 2
    say(
        f"seed {seed}: validation AUC {metrics.auc(val.labels, logits):.4f}, "
        f"disturbed {metrics.auc(copies_labels, copies_logits):.4f}, "
        f"selection loss {loss:.4f}"
    )
    return Candidate(seed, network, logits, loss)
