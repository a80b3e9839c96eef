"""Many small networks trained at once with differential privacy (DP-SGD), for attacks on them.

`safelight train --dp-epsilon` trains one network; an attack with reference models needs dozens.
Here all take each step together: every network draws its own Poisson sample of its own records,
each record's gradient is clipped over all weights of its network, Gaussian noise is added to the
sum. Opacus accounts for the budget.

A dense layer's gradient for one record is an outer product, so that its norm is the product of two
norms and no record's gradient is ever written down ("ghost clipping").

**Source**: Abadi et al. 2016, arXiv 1607.00133 (DP-SGD); Goodfellow 2015, arXiv 1510.01799, and
Li et al. 2022, arXiv 2110.05679 (norms without gradients).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.lab.extras import extra
from safelight.lab.shadow_models import BoolArray, FloatArray, Networks, Trained, answers_about

CLIP = 1.0
"""Norm of one record's gradient over all weights; longer ones are clipped to it."""
_BATCH = 256
_LEARNING_RATE = 2e-3


@dataclass(frozen=True)
class Budget:
    """What one record may cost.

    Args:
        epsilon: ε.
        delta: δ.
        epochs: Expected passes over the records.
    """

    epsilon: float
    delta: float
    epochs: int


def noise_multiplier(budget: Budget, rate: float, steps: int) -> float:
    """Deviation of the noise, in clipping norms, that spends the budget (Opacus, RDP).

    Args:
        budget: To be spent.
        rate: Probability with which a step draws a record.
        steps: How many.

    Raises:
        InputError: Opacus is not installed, or the values promise nothing.
    """
    if not (budget.epsilon > 0 and 0 < budget.delta < 1):
        raise InputError(
            f"ε = {budget.epsilon:g} and δ = {budget.delta:g} promise nothing",
            hint="give ε > 0 and δ between 0 and 1",
        )
    with warnings.catch_warnings():
        # the bound could be tightened by further orders; it holds as it is
        warnings.filterwarnings("ignore", message="Optimal order is the")
        found = extra("opacus.accountants.utils", "privacy").get_noise_multiplier(
            target_epsilon=budget.epsilon,
            target_delta=budget.delta,
            sample_rate=rate,
            steps=steps,
            accountant="rdp",
        )
    return float(found)


def train_private(
    inputs: FloatArray,
    labels: NDArray[np.int64],
    inside: BoolArray,
    budget: Budget,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[Trained, float]:
    """Trains one private network for each row of ``inside``.

    Args:
        inputs: ``[records, features]``, about unit scale, scaled without looking at records that
            privacy is promised to.
        labels: 0 or 1, ``[records]``.
        inside: ``[models, records]``.
        budget: Of each network.
        seed: Of weights, samples and noise.
        progress: Told of (step, steps).

    Returns:
        The networks' answers, and the noise multiplier.
    """
    torch = extra("torch", "train")
    # the number of records is public; every network draws with one probability
    rate = min(1.0, _BATCH / float(inside.sum(axis=1).mean()))
    steps = round(budget.epochs / rate)
    noise = noise_multiplier(budget, rate, steps)
    network = Networks(torch, len(inside), inputs.shape[1], seed)
    generator = torch.Generator().manual_seed(seed + 1)
    x = torch.tensor(inputs, dtype=torch.float32)
    y = torch.tensor(labels, dtype=torch.float32)
    candidates = torch.tensor(inside)
    optimiser = torch.optim.Adam(network.weights, lr=_LEARNING_RATE)
    for step in range(steps):
        drawn = (torch.rand(inside.shape, generator=generator) < rate) & candidates
        # samples differ in size: short ones are filled with records of no weight
        widest = max(int(drawn.sum(dim=1).max()), 1)
        chosen = drawn.int().argsort(dim=1, descending=True, stable=True)[:, :widest]
        counted = drawn.gather(1, chosen).float()
        sums = clipped_sums(torch, network, x[chosen], y[chosen], counted)
        for weight, total in zip(network.weights, sums, strict=True):
            spread = noise * CLIP
            weight.grad = total + spread * torch.randn(weight.shape, generator=generator)
            weight.grad /= _BATCH
        optimiser.step()
        progress(step + 1, steps)
    return answers_about(torch, network, x, labels, inside), noise


def clipped_sums(torch: Any, network: Networks, x: Any, y: Any, counted: Any) -> list[Any]:
    """Sums over records of clipped gradients, one tensor a weight tensor of the networks.

    Args:
        torch: The package.
        network: With its weights.
        x: ``[models, records, features]``.
        y: ``[models, records]``.
        counted: 1 for a record of the sample, 0 for filling, ``[models, records]``.
    """
    before, hidden, logits = network.layers(x)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y, reduction="sum")
    inner, outer = torch.autograd.grad(loss, (before, logits))
    with torch.no_grad():
        squares = (inner**2).sum(dim=2) * ((x**2).sum(dim=2) + 1)
        squares += outer**2 * ((hidden**2).sum(dim=2) + 1)
        factor = counted * (CLIP / squares.sqrt().clamp(min=1e-12)).clamp(max=1.0)
        inner, outer = inner * factor[:, :, None], (outer * factor)[:, :, None]
        return [
            x.transpose(1, 2) @ inner,
            inner.sum(dim=1, keepdim=True),
            hidden.transpose(1, 2) @ outer,
            outer.sum(dim=1, keepdim=True),
        ]
