"""A plaintext ensemble for an encrypted network to learn from (distillation)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):  # type: ignore[misc]
    """Two 3×3 convolutions with batch norm around ReLU, and a shortcut.

    Args:
        channels: Of the input.
        width: Of the output.
        stride: Of the first convolution and the shortcut.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, images: Tensor) -> Tensor:
        """``[batch, width, height/stride, width/stride]``."""
        return torch.relu(self.main(images) + self.shortcut(images))


class Teacher(nn.Module):  # type: ignore[misc]
    """A small residual network with ReLU and a global average: accurate, not encryptable.

    Args:
        channels: Of the input images.
        width: Channels after the stem; doubled twice.
        outputs: Number of logits.
        stride: Of the stem: larger for larger images.
    """

    def __init__(
        self, channels: int = 1, width: int = 24, outputs: int = 1, stride: int = 2
    ) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, width, 5, stride=stride, padding=2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            ResidualBlock(width, width, 1),
            ResidualBlock(width, 2 * width, 2),
            ResidualBlock(2 * width, 4 * width, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(4 * width, outputs),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[batch, outputs]``."""
        logits: Tensor = self.layers(images)
        return logits


class Ensemble:
    """The mean logit of several networks, as `fit` wants its teacher.

    Args:
        members: Trained networks with one logit; set to evaluation mode.
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        self.members = [member.eval() for member in members]

    def __call__(self, batch: Tensor) -> Tensor:
        """Logits ``[batch]`` of a normalised batch."""
        return torch.stack([member(batch)[:, 0] for member in self.members]).mean(0)
