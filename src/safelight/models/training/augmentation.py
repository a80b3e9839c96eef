"""Random changes to a batch of images that a diagnosis must not depend on.

Chest radiographs differ between sites in exposure, contrast, sharpness, centring and rotation
far more than the few thousand training images of one site show; these changes stand in for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """How strongly a batch is changed; every change is drawn for each image on its own.

    Args:
        shift: Largest translation, as a share of the image's size.
        rotation_degrees: Largest rotation.
        scale: Largest relative change of size, and of aspect ratio by half as much.
        shear: Largest shear.
        flip: Probability of a left-right flip.
        brightness: Largest added value, on images of 0 … 1.
        contrast: Largest relative change of contrast, on a logarithmic scale.
        gamma: Largest change of log gamma.
        blur: Largest weight of the 3×3 mean in place of the pixel; negative sharpens.
        noise: Largest standard deviation of added noise.
        erase: Probability that a rectangle is replaced by the image's mean.
        flip_vertical: Probability of an upside-down flip.
        turns: Whether images are also turned by quarters of a circle.
        tint: Largest relative change of each channel on its own, on a logarithmic scale.
    """

    shift: float = 0.08
    rotation_degrees: float = 12.0
    scale: float = 0.12
    shear: float = 0.06
    flip: float = 0.5
    brightness: float = 0.1
    contrast: float = 0.35
    gamma: float = 0.35
    blur: float = 0.5
    noise: float = 0.03
    erase: float = 0.25
    flip_vertical: float = 0.0
    turns: bool = False
    tint: float = 0.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The changed batch.

        Args:
            images: float32 ``[batch, channels, height, width]``, 0 … 1.
            generator: Source of all randomness.
        """
        images = self._mirrored(images, generator)
        return self._erase(
            self._photometry(self._geometry(images, generator), generator), generator
        )

    def _mirrored(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Flips and quarter turns that need no interpolation, where they are asked for."""
        if self.flip_vertical > 0:
            chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < self.flip_vertical
            images = torch.where(chosen, images.flip(2), images)
        if self.turns:
            chosen = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
            images = torch.where(chosen, images.transpose(2, 3), images)
        return images

    def _geometry(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count = len(images)

        def uniform(limit: float) -> Tensor:
            return (2 * torch.rand(count, generator=generator) - 1) * limit

        angle = uniform(math.radians(self.rotation_degrees))
        zoom, aspect, shear = uniform(self.scale), uniform(self.scale / 2), uniform(self.shear)
        mirror = 1 - 2 * (torch.rand(count, generator=generator) < self.flip).float()
        across, down = torch.exp(zoom + aspect), torch.exp(zoom - aspect)
        cosine, sine = torch.cos(angle), torch.sin(angle)
        right, lower = uniform(2 * self.shift), uniform(2 * self.shift)  # grids span 2
        rows = (
            torch.stack([mirror * across * cosine, shear - across * sine, right], 1),
            torch.stack([mirror * down * sine, down * cosine, lower], 1),
        )
        matrix = torch.stack(rows, 1)
        grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
        return functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="border", align_corners=False
        )

    def _photometry(self, images: Tensor, generator: torch.Generator) -> Tensor:
        def uniform(limit: float) -> Tensor:
            draw = torch.rand(len(images), 1, 1, 1, generator=generator)
            return (2 * draw - 1) * limit

        channels = images.shape[1]
        kernel = torch.full((channels, 1, 3, 3), 1 / 9)
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        mean = functional.conv2d(padded, kernel, groups=channels)
        weight = (uniform(1.0) + 0.25) * self.blur  # more often softer than sharper
        images = images + weight * (mean - images)
        images = images.clamp(1e-3, 1) ** torch.exp(uniform(self.gamma))
        level = images.mean((1, 2, 3), keepdim=True)
        images = (images - level) * torch.exp(uniform(self.contrast)) + level
        images = images + uniform(self.brightness)
        if self.tint > 0:
            draw = torch.rand(len(images), channels, 1, 1, generator=generator)
            images = images * torch.exp((2 * draw - 1) * self.tint)
        strength = uniform(self.noise).abs()
        images = images + strength * torch.randn(images.shape, generator=generator)
        return images.clamp(0, 1)

    def _erase(self, images: Tensor, generator: torch.Generator) -> Tensor:
        count, _, height, width = images.shape
        chosen = torch.rand(count, 1, 1, 1, generator=generator) < self.erase
        rows = torch.arange(height).view(1, 1, -1, 1)
        columns = torch.arange(width).view(1, 1, 1, -1)
        centre = torch.rand(2, count, 1, 1, 1, generator=generator)
        half = 0.05 + 0.1 * torch.rand(2, count, 1, 1, 1, generator=generator)
        inside = ((rows / height - centre[0]).abs() < half[0]) & (
            (columns / width - centre[1]).abs() < half[1]
        )
        level = images.mean((1, 2, 3), keepdim=True)
        return torch.where(chosen & inside, level, images)
