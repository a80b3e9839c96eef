"""A model on its test set: in the clear, encrypted, and the difference between the two."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.reference import evaluate
from safelight.circuit.signature import Signature
from safelight.client.client import Client
from safelight.client.diagnosis import LEVEL, decide, named
from safelight.client.receipt import Receipt
from safelight.models.held_out import HeldOut
from safelight.models.measures import truth_table
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


@dataclass(frozen=True)
class Compared:
    """An evaluation and what it was made from.

    **Security**: ``encrypted`` follows from exact decrypted floats; keep it in the clinic.

    Args:
        evaluation: The figures.
        signature: Of the model.
        clear: Probabilities ``[n, classes]`` in the clear.
        encrypted: Probabilities of the inputs at ``chosen``.
        chosen: Positions of the inputs evaluated encrypted.
        receipt: What the service signed last.
    """

    evaluation: Evaluation
    signature: Signature
    clear: FloatArray
    encrypted: FloatArray
    chosen: NDArray[np.int64]
    receipt: Receipt


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
    return compare(client, model, data, encrypted, watch).evaluation


def compare(
    client: Client,
    model: TrainedModel,
    data: HeldOut,
    encrypted: int | None,
    watch: Callable[[str, float, float], None] | None = None,
) -> Compared:
    """As `evaluate_model`, with the answers."""
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
    shown = signature.outputs.classes.index(signature.outputs.positive)
    if signature.outputs.kind == "multiclass":  # of the class decided on
        shown = int(decide(signature, probabilities[:1])[0])
    parameters = signature.parameters
    evaluation = Evaluation(
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
            "truth": named(signature.outputs, data.labels[chosen[0]]),
            "clear_probability": round(float(clear[chosen[0], shown]), 3),
            "encrypted_probability": round(float(probabilities[0, shown]), 3),
            "finding": named(signature.outputs, decide(signature, probabilities[:1])[0]),
        },
    )
    return Compared(evaluation, signature, clear, probabilities, chosen, answers[-1].receipt)


def _scores(signature: Signature, probabilities: FloatArray, labels: NDArray[np.int64]) -> Scores:
    decisions = decide(signature, probabilities)
    accuracy = float((decisions == labels).mean())
    kind, count = signature.outputs.kind, len(signature.outputs.classes)
    truth = truth_table(labels, count)
    if not (truth.sum(axis=0) > 0).all() or not (truth.sum(axis=0) < len(truth)).all():
        return Scores(len(labels), accuracy, None)
    if kind == "binary":
        positive = signature.outputs.classes.index(signature.outputs.positive)
        return Scores(len(labels), accuracy, auc(truth[:, positive], probabilities[:, positive]))
    return Scores(len(labels), accuracy, multiclass_auc(truth, probabilities))
