"""A model on its test set: in the clear, encrypted, and the difference between the two."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.reference import evaluate
from safelight.client.client import Client
from safelight.client.diagnosis import LEVEL, decide
from safelight.models.held_out import HeldOut
from safelight.models.metrics import auc, multiclass_auc
from safelight.models.registry import TrainedModel

PHASES = ("encrypt", "upload", "evaluate", "download", "decrypt")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """Accuracy and AUC over ``n`` inputs; no AUC where only one class occurs."""

    n: int
    accuracy: float
    auc: float | None


@dataclass
class Evaluation:
    """What `safelight evaluate` reports.

    **Security**: differences are aggregated over all inputs; single exact answers stay inside.
    """

    model: str
    dataset: str
    parameters: dict[str, Any]
    clear: Scores
    encrypted: Scores
    agreement: float
    max_probability_difference: float
    timings_ms: dict[str, float]
    bytes: dict[str, int]
    records_per_ciphertext: int
    requests: int
    level: str = LEVEL
    example: dict[str, Any] = field(default_factory=dict)


def evaluate_model(
    client: Client,
    model: TrainedModel,
    data: HeldOut,
    encrypted: int | None,
    watch: Callable[[str, float, float], None] | None = None,
) -> Evaluation:
    """Evaluates all of ``data`` in the clear and ``encrypted`` inputs of it (None: all) encrypted.

    The encrypted inputs are spread evenly over the data. Timings are medians over requests.
    """
    described = client.model(model.name)
    signature = described.signature
    clear = signature.probabilities(evaluate(model.graph, data.inputs))
    count = len(data.labels) if encrypted is None else min(encrypted, len(data.labels))
    chosen = np.unique(np.linspace(0, len(data.labels) - 1, count).round().astype(np.int64))
    state = client.ensure_keys(model.name)

    answers = []
    for start in range(0, len(chosen), signature.records):
        if watch is not None:
            watch("encrypted", start, len(chosen))
        part = chosen[start : start + signature.records]
        answers.append(client.infer(model.name, data.inputs[part]))
    if watch is not None:
        watch("encrypted", len(chosen), len(chosen))
    probabilities = np.concatenate([answer.unrounded_probabilities for answer in answers])

    same = decide(signature, probabilities) == decide(signature, clear[chosen])
    positive = signature.outputs.classes.index(signature.outputs.positive)
    parameters = signature.parameters
    return Evaluation(
        model=model.name,
        dataset=data.dataset,
        parameters={
            "n": parameters.n,
            "prime_bits": list(parameters.bits),
            "log2_qp": round(parameters.log2_qp, 1),
            "security_bits": 128,
            "digest": parameters.digest.hex(),
        },
        clear=_scores(signature, clear, data.labels),
        encrypted=_scores(signature, probabilities, data.labels[chosen]),
        agreement=float(same.mean()),
        max_probability_difference=float(np.abs(probabilities - clear[chosen]).max()),
        timings_ms={
            "keygen": state.keygen_ms,
            "key_upload": state.upload_ms,
            **{
                phase: statistics.median(answer.timings_ms[phase] for answer in answers)
                for phase in PHASES
            },
        },
        bytes={
            "keys": state.uploaded_bytes,
            "up": answers[0].bytes_up,
            "down": answers[0].bytes_down,
        },
        records_per_ciphertext=signature.records,
        requests=len(answers),
        example={
            "index": int(chosen[0]),
            "truth": signature.outputs.classes[int(data.labels[chosen[0]])],
            "clear_probability": round(float(clear[chosen[0], positive]), 3),
            "encrypted_probability": round(float(probabilities[0, positive]), 3),
            "finding": signature.outputs.classes[int(decide(signature, probabilities[:1])[0])],
        },
    )


def _scores(signature: Any, probabilities: FloatArray, labels: NDArray[np.int64]) -> Scores:
    decisions = decide(signature, probabilities)
    accuracy = float((decisions == labels).mean())
    if np.unique(labels).size < len(signature.outputs.classes):
        return Scores(len(labels), accuracy, None)
    if len(signature.outputs.classes) == 2:
        positive = signature.outputs.classes.index(signature.outputs.positive)
        return Scores(
            len(labels),
            accuracy,
            auc((labels == positive).astype(np.int64), probabilities[:, positive]),
        )
    return Scores(len(labels), accuracy, multiclass_auc(labels, probabilities))
