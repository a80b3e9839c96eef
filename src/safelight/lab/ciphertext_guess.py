"""What a classifier learns from the bytes of ciphertexts: nothing, and here it is tried."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from safelight.ckks.secret import SecretKeys
from safelight.models.registry import TrainedModel, compile_model
from safelight.wire.ciphertext import encode_ciphertext

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
_RIDGE = 10.0
# Of the scores of `trained_guess`: each half was judged by what the other half taught.
INDEPENDENT_GUESSES = 0.5


def trained_guess(table: FloatArray, labels: BoolArray, *, seed: int = 0) -> FloatArray:
    """Scores of ridge regression that learned a label from the other half of the messages.

    Args:
        table: `byte_features` of each message, ``[n, features]``.
        labels: What the attacker wants to know (membership, diagnosis), ``[n]``.
        seed: Of the halves, which hold as many of each label.

    Returns:
        Scores of all messages; each was judged by a classifier that had not seen it.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    ranked = order[np.argsort(labels[order], kind="stable")]
    scores = np.empty(len(table))
    for learn, judge in ((ranked[::2], ranked[1::2]), (ranked[1::2], ranked[::2])):
        mean, spread = table[learn].mean(axis=0), table[learn].std(axis=0) + 1e-9
        known, asked = (table[learn] - mean) / spread, (table[judge] - mean) / spread
        truth = np.where(labels[learn], 1.0, -1.0)
        gram = known @ known.T + _RIDGE * np.eye(len(learn))
        scores[judge] = asked @ known.T @ np.linalg.solve(gram, truth - truth.mean())
    return scores


def ciphertext_features(
    model: TrainedModel, inputs: FloatArray, progress: Callable[[int, int], None]
) -> FloatArray:
    """What a classifier gets of each encrypted input: ``[n, features]``; one fresh key for all."""
    signature = compile_model(model).signature
    secret = SecretKeys.generate(signature.parameters)
    features = []
    for done, values in enumerate(inputs):
        ciphertext = secret.encrypt(
            signature.pack(values[None]), scale=signature.input_scale, level=signature.input_level
        )
        features.append(byte_features(encode_ciphertext(ciphertext)))
        progress(done + 1, len(inputs))
    return np.stack(features)


def clear_requests(inputs: FloatArray) -> list[bytes]:
    """What would travel without encryption: 8-bit grey values; the classifier's positive control.

    Args:
        inputs: ``[n, *input_shape]``.
    """
    low, high = np.percentile(inputs, [0.5, 99.5])
    grey = np.clip(np.rint(255 * (inputs - low) / (high - low)), 0, 255).astype(np.uint8)
    return [each.tobytes() for each in grey]


def byte_features(message: bytes) -> FloatArray:
    """Of a message: its length, its histogram, means of 64 stretches of its bytes."""
    values = np.frombuffer(message, np.uint8)
    histogram = np.bincount(values, minlength=256) / len(values)
    stretches = np.array([part.mean() for part in np.array_split(values, 64)])
    return np.concatenate([[len(message)], histogram, stretches])
