"""What a task asks of a network's logits: targets, loss, probabilities, validation AUC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from safelight.models import metrics
from safelight.models.datasets.dataset import About

BALANCE = 0.5
"""Exponent of the inverse class frequency in the weights of several classes: halfway between
accuracy (0) and equal weight (1). Two classes weigh alike, so that 0.5 means even odds."""


@dataclass(frozen=True)
class Objective:
    """The loss of one task.

    Args:
        about: Task, classes, the finding.
        weights: float32 ``[classes]``: of each class, 1 on average over the training images;
            all 1 for several findings.
    """

    about: About
    weights: Tensor

    @classmethod
    def of(cls, about: About, labels: NDArray[np.int64]) -> Objective:
        """With weights from training labels."""
        if about.task == "multi-label":
            return cls(about, torch.ones(len(about.classes)))
        counts = np.bincount(labels, minlength=len(about.classes)).astype(np.float64)
        exponent = 1.0 if about.task == "binary" else BALANCE
        weights = np.where(counts > 0, np.maximum(counts, 1) ** -exponent, 0.0)
        weights *= counts.sum() / (weights * counts).sum()
        return cls(about, torch.from_numpy(weights).float())

    @property
    def positive(self) -> int:
        """Index of the finding of a binary task."""
        return self.about.classes.index(self.about.finding)

    def targets(self, labels: Tensor, smoothing: float) -> Tensor:
        """float32 ``[n, logits]``: what the probabilities should be.

        Args:
            labels: int64 ``[n]`` or ``[n, findings]``.
            smoothing: Share that is spread evenly; of grades, to the neighbours.
        """
        task, classes = self.about.task, len(self.about.classes)
        if task == "binary":
            hard = (labels == self.positive).float()[:, None]
            return hard * (1 - smoothing) + smoothing / 2
        if task == "multi-label":
            return labels.float()
        hard = functional.one_hot(labels, classes).float()
        if task == "ordinal":
            near = functional.pad(hard, (1, 1))
            beside = near[:, :-2] + near[:, 2:]
            return (1 - smoothing) * hard + smoothing * beside / beside.sum(1, keepdim=True)
        return hard * (1 - smoothing) + smoothing / classes

    def example_weights(self, labels: Tensor) -> Tensor:
        """float32 ``[n]``."""
        if self.about.task == "multi-label":
            return torch.ones(len(labels))
        return self.weights[labels]

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of a batch, weighted.

        Args:
            logits: ``[batch, logits]``.
            targets: ``[batch, logits]``, probabilities.
            weights: ``[batch]``.
        """
        if self.about.task in ("binary", "multi-label"):
            each = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            each = each.mean(dim=1)
        else:
            each = -(targets * functional.log_softmax(logits, dim=1)).sum(dim=1)
        loss: Tensor = (each if weights is None else each * weights).mean()
        return loss

    def probabilities(self, logits: Tensor) -> Tensor:
        """``[batch, logits]``: what a teacher answers."""
        if self.about.task in ("binary", "multi-label"):
            return torch.sigmoid(logits)
        return torch.softmax(logits, dim=1)

    def auc(self, labels: NDArray[np.int64], logits: NDArray[Any]) -> float:
        """Mean AUC of each class against the rest, over the classes that occur and are not all.

        Args:
            labels: int64 ``[n]`` or ``[n, findings]``.
            logits: float64 ``[n, logits]``.
        """
        if self.about.task == "binary":
            return metrics.auc((labels == self.positive).astype(np.int64), logits[:, 0])
        scores = logits
        table = labels
        if self.about.task != "multi-label":
            shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
            scores = shifted / shifted.sum(axis=1, keepdims=True)
            table = np.eye(logits.shape[1], dtype=np.int64)[labels]
        varied = [k for k in range(table.shape[1]) if 0 < table[:, k].sum() < len(table)]
        return float(np.mean([metrics.auc(table[:, k], scores[:, k]) for k in varied]))

    def selection_loss(self, labels: NDArray[np.int64], logits: NDArray[Any]) -> float:
        """Weighted cross-entropy of validation images, the measure that tells seeds apart."""
        given = torch.from_numpy(np.ascontiguousarray(labels))
        values = torch.from_numpy(np.ascontiguousarray(logits)).float()
        targets = self.targets(given, 0.0)
        return float(self.loss(values, targets, self.example_weights(given)))
