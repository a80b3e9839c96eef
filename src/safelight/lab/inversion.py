"""Model inversion: from what somebody sees of an inference back to the image.

All attackers know the model's kind of data: the mean and the principal components of public
images. What differs is what they see of a record: its ciphertext, its probability, the hidden
values of a network cut in two, or a training gradient. With the model at hand (white box) they
solve for the image that explains what they see; without it (black box) they learn the way back
from examples.

**Source**: Fredrikson et al. 2015 (optimisation under a prior); Yang et al. 2019 (trained
inversion); Zhu et al. 2019 and Phong et al. 2018, section 3 (gradients of a dense layer hold its
input).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Answer = Callable[[FloatArray], FloatArray]
"""Inputs ``[n, pixels]`` to what is seen of them, ``[n, numbers]``."""

_DIFFERENCE = 1e-3
_STEPS = 6
_CHUNK = 64


@dataclass(frozen=True)
class Prior:
    """What anyone knows about images of the kind: a normal distribution along few directions.

    Args:
        mean: ``[pixels]``.
        directions: Orthonormal, ``[components, pixels]``.
        spread: Standard deviation along each, ``[components]``.
    """

    mean: FloatArray
    directions: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, public: FloatArray, components: int) -> Prior:
        """From public images ``[n, pixels]``."""
        mean = public.mean(axis=0)
        _, singular, directions = np.linalg.svd(public - mean, full_matrices=False)
        spread = singular[:components] / np.sqrt(len(public))
        return cls(mean, directions[:components], spread)

    def image(self, z: FloatArray) -> FloatArray:
        """Images ``[n, pixels]`` of coordinates ``[n, components]`` in standard deviations."""
        return np.asarray(self.mean + (z * self.spread) @ self.directions)


def trained_inversion(seen: FloatArray, public: FloatArray, target: FloatArray) -> FloatArray:
    """Black box: ridge regression from what is seen to the image, learned on public images.

    Args:
        seen: What the attacker sees of the public images, ``[n, numbers]``.
        public: Those images, ``[n, pixels]``.
        target: What is seen of the records under attack, ``[m, numbers]``.

    Returns:
        Images, ``[m, pixels]``.
    """
    mean, spread = seen.mean(axis=0), seen.std(axis=0) + 1e-9
    known, asked = _features((seen - mean) / spread), _features((target - mean) / spread)
    centre = known.mean(axis=0)
    known, asked = known - centre, asked - centre
    gram = known @ known.T
    ridge = 1e-3 * float(np.trace(gram)) / len(gram) + 1e-9
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), public - public.mean(axis=0))
    return np.asarray(public.mean(axis=0) + asked @ known.T @ weights)


def _features(values: FloatArray) -> FloatArray:
    """Few numbers are bent, so that a straight fit can follow a curve."""
    if values.shape[1] > 8:
        return values
    return np.concatenate([values, values**2, np.tanh(values), np.tanh(2 * values - 1)], axis=1)


def white_box_inversion(
    answer: Answer, target: FloatArray, prior: Prior, *, noise: float
) -> FloatArray:
    """White box: the most probable image given what is seen, by Gauss-Newton under the prior.

    Args:
        answer: The model, up to what the attacker sees.
        target: What was seen of one record, ``[numbers]``.
        prior: Of images.
        noise: Standard deviation of what is seen, such as that of rounding.

    Returns:
        The image, ``[pixels]``.
    """
    z = np.zeros(len(prior.spread))
    eye = np.eye(len(z))
    best, best_misfit = z, np.inf
    for _ in range(_STEPS):
        shifted = np.concatenate([z[None], z + _DIFFERENCE * eye])
        values = _chunked(answer, prior.image(shifted))
        residual = target - values[0]
        misfit = float((residual**2).sum() / noise**2 + (z**2).sum())
        if misfit >= best_misfit:
            break
        best, best_misfit = z, misfit
        jacobian = ((values[1:] - values[0]) / _DIFFERENCE).T
        # the posterior's mode of the linearised model, in the smaller of the two spaces
        right = residual + jacobian @ z
        if len(target) < len(z):
            gram = jacobian @ jacobian.T + noise**2 * np.eye(len(target))
            z = jacobian.T @ np.linalg.solve(gram, right)
        else:
            gram = jacobian.T @ jacobian + noise**2 * eye
            z = np.linalg.solve(gram, jacobian.T @ right)
    return np.asarray(prior.image(best[None])[0])


def _chunked(answer: Answer, images: FloatArray) -> FloatArray:
    return np.concatenate(
        [answer(images[at : at + _CHUNK]) for at in range(0, len(images), _CHUNK)]
    )


def dense_gradient(images: FloatArray, rng: np.random.Generator, hidden: int = 32) -> FloatArray:
    """What a participant of federated training would send: the first layer's mean gradient.

    A fresh dense network with squares, a logistic loss and random labels; its first layer's
    gradient over the batch.

    Args:
        images: The batch, ``[n, pixels]``.
        rng: Of weights and labels.
        hidden: Units.

    Returns:
        Gradients of weights and, in the last column, of biases: ``[hidden, pixels + 1]``.
    """
    first = rng.normal(0, images.shape[1] ** -0.5, (hidden, images.shape[1]))
    last = rng.normal(0, hidden**-0.5, hidden)
    inner = images @ first.T
    logits = (inner**2 + inner) @ last
    error = 1 / (1 + np.exp(-np.clip(logits, -50, 50))) - rng.integers(0, 2, len(images))
    delta = error[:, None] * last * (2 * inner + 1) / len(images)
    return np.concatenate([delta.T @ images, delta.sum(axis=0)[:, None]], axis=1)


def gradient_inversion(gradient: FloatArray) -> FloatArray:
    """A batch's mean image as the gradient shows it: weight gradient over bias gradient.

    Exact for one record; a weighted mean of the records for more.

    Args:
        gradient: Of `dense_gradient`.
    """
    strongest = int(np.abs(gradient[:, -1]).argmax())
    return np.asarray(gradient[strongest, :-1] / gradient[strongest, -1])
