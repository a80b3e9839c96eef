"""A run with differential privacy: DP-SGD, accounted by Opacus.

Each step draws every training image on its own with one probability (Poisson sampling), clips
each image's gradient, and adds Gaussian noise to their sum. What comes out is (ε, δ)-private
towards adding or leaving out one training image. Batch norm would let images see one another, so
networks are built without it; normalisation and class weights are fixed, ranges and the best
epoch come from validation images, which are not protected.

**Security**: noise comes from PyTorch's generator under a seed, as runs can be repeated; who must
withstand an adversary that knows the seed takes a seed from `secrets` and throws it away.
**Source**: Abadi et al. 2016, arXiv 1607.00133; Opacus, arXiv 2109.12298.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from safelight.errors import InputError
from safelight.models.training.course import Course, Material, Recipe, one_cycle, steps_per_epoch
from safelight.models.training.pixels import Normalisation, brightness

MAX_GRADIENT_NORM = 1.0
"""Of one image's gradient; longer ones are clipped to it."""
FIXED_NORMALISATION = (0.5, 0.25)
"""Mean and deviation of brightness that depend on no image."""
_AT_ONCE = 128  # images whose gradients are held in memory together


@dataclass(frozen=True)
class Budget:
    """What one training image may cost.

    Args:
        epsilon: ε.
        delta: δ.
    """

    epsilon: float
    delta: float


def budget_of(epsilon: float, delta: float, count: int) -> Budget:
    """A budget with δ of 1/(2n) unless it is given.

    Raises:
        InputError: Values that promise nothing, or Opacus is not installed.
    """
    if importlib.util.find_spec("opacus") is None:
        raise InputError(
            "differential privacy needs Opacus, which is not installed",
            hint="pip install 'safelight[privacy]'",
        )
    delta = delta or 1 / (2 * count)
    if not (math.isfinite(epsilon) and epsilon > 0 and 0 < delta < 1 / count):
        raise InputError(
            f"ε = {epsilon:g} and δ = {delta:g} promise nothing for {count} images",
            hint="give ε > 0, and δ below one over the number of training images",
        )
    return Budget(epsilon, delta)


def private_normalisation(channels: int) -> Normalisation:
    """The same for any data."""
    mean, std = FIXED_NORMALISATION
    return Normalisation((mean,) * channels, (std,) * channels)


class PrivateCourse(Course):
    """A `Course` whose weights are differentially private.

    Args:
        network: Without batch norm and dropout.
        material: Data and task, with `private_normalisation` and class weights of 1.
        recipe: How; no mixing, no teacher.
        seed: Of everything random.
        budget: What an image may cost.
        checkpoint: As for a `Course`.
    """

    def __init__(
        self,
        network: nn.Module,
        material: Material,
        recipe: Recipe,
        *,
        seed: int,
        budget: Budget,
        checkpoint: Path | None = None,
    ) -> None:
        super().__init__(network, material, recipe, seed=seed, checkpoint=checkpoint)
        self.budget = budget
        self.rate = min(1.0, recipe.batch_size / len(material.images))
        steps = steps_per_epoch(recipe, len(material.images)) * recipe.epochs
        self.noise = _noise(budget, self.rate, steps)
        self.parameters = dict(network.named_parameters())
        self.optimiser: Any = _opacus("optimizers").DPOptimizer(
            self.optimiser,
            noise_multiplier=self.noise,
            max_grad_norm=MAX_GRADIENT_NORM,
            expected_batch_size=recipe.batch_size,
            generator=self.generator,
        )

    @property
    def epsilon_spent(self) -> float:
        """ε of the steps that were taken, at the budget's δ."""
        if not self.steps_done:
            return 0.0
        accountant = _opacus("accountants").RDPAccountant()
        accountant.history = [(self.noise, self.rate, self.steps_done)]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Optimal order is the")
            return float(accountant.get_epsilon(self.budget.delta))

    def step(self, chosen: Tensor) -> float:
        """One step on a Poisson sample; the positions given stand for their number only."""
        drawn = torch.rand(len(self.material.images), generator=self.generator) < self.rate
        positions = drawn.nonzero()[:, 0]
        self.network.eval()  # no layer differs, and quadratics keep nothing between calls
        samples: list[dict[str, Tensor]] = []
        total = 0.0
        for part in positions.split(_AT_ONCE):
            gradients, losses = self._gradients(part)
            samples.append(gradients)
            total += float(losses.sum())
        for name, parameter in self.parameters.items():
            empty = torch.zeros((0, *parameter.shape))
            parameter.grad_sample = torch.cat([each[name] for each in samples] or [empty])
        for group in self.optimiser.param_groups:
            group["lr"] = self.recipe.learning_rate * one_cycle(self.progress.done)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.steps_done += 1
        self._average()
        return total / max(len(positions), 1)

    def _gradients(self, chosen: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Gradients by name, ``[images, …]``, and losses ``[images]``."""
        material = self.material
        images = brightness(material.images[chosen])
        if self.recipe.augmentation is not None and images.dim() == 4:
            images = self.recipe.augmentation(images, self.generator)
        batch = material.normalisation(images)
        labels = material.labels[chosen]
        targets = material.objective.targets(labels, self.recipe.label_smoothing)

        def loss(weights: dict[str, Tensor], image: Tensor, target: Tensor) -> Any:
            logits = functional_call(self.network, weights, (image[None],))
            value = material.objective.loss(logits, target[None])
            return value, value.detach()

        weights = {name: value.detach() for name, value in self.parameters.items()}
        found, losses = vmap(grad(loss, has_aux=True), in_dims=(None, 0, 0))(
            weights, batch, targets
        )
        return found, losses


def _opacus(part: str) -> Any:
    """A module of Opacus, which is an extra."""
    return importlib.import_module(f"opacus.{part}")


def _noise(budget: Budget, rate: float, steps: int) -> float:
    """Deviation of the noise, in units of the clipping norm, that spends the budget."""
    with warnings.catch_warnings():
        # the bound could be tightened by further orders; it holds as it is
        warnings.filterwarnings("ignore", message="Optimal order is the")
        found = _opacus("accountants.utils").get_noise_multiplier(
            target_epsilon=budget.epsilon,
            target_delta=budget.delta,
            sample_rate=rate,
            steps=steps,
            accountant="rdp",
        )
    return float(found)
