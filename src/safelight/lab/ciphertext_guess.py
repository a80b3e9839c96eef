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


def guess_from_ciphertext(
    model: TrainedModel,
    inputs: FloatArray,
    labels: BoolArray,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> tuple[FloatArray, BoolArray]:
    """Scores of a classifier that learned a label from half of the requests, on the other half.

    Args:
        model: Whose client encrypts.
        inputs: ``[n, *input_shape]``, each encrypted as the client would.
        labels: What the attacker wants to know (membership, diagnosis), ``[n]``.
        seed: Of the split; keys are fresh.
        progress: Told of (done, total).

    Returns:
        Scores and labels of the second half.
    """
    return trained_guess(ciphertext_features(model, inputs, progress), labels, seed=seed)


def trained_guess(
    table: FloatArray, labels: BoolArray, *, seed: int = 0
) -> tuple[FloatArray, BoolArray]:
    """Ridge regression on half of the messages' features, judged on the other half.

    Args:
        table: `byte_features` of each message, ``[n, features]``.
        labels: ``[n]``.
        seed: Of the split.
    """
    order = np.random.default_rng(seed).permutation(len(table))
    learn, judge = np.split(order, [len(order) // 2])
    mean, spread = table[learn].mean(axis=0), table[learn].std(axis=0) + 1e-9
    table = (table - mean) / spread
    truth = np.where(labels[learn], 1.0, -1.0)
    gram = table[learn] @ table[learn].T + _RIDGE * np.eye(len(learn))
    return table[judge] @ table[learn].T @ np.linalg.solve(gram, truth), labels[judge]


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


def byte_features(message: bytes) -> FloatArray:
    """Of a message: its length, its histogram, means of 64 stretches of its bytes."""
    values = np.frombuffer(message, np.uint8)
    histogram = np.bincount(values, minlength=256) / len(values)
    stretches = np.array([part.mean() for part in np.array_split(values, 64)])
    return np.concatenate([[len(message)], histogram, stretches])
