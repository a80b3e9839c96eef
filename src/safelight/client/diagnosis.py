"""What a clinic gets: findings with coarse probabilities, and the receipt of who computed them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.signature import Outputs, Signature
from safelight.client.receipt import Receipt
from safelight.wire.interface import ModelInterface

LEVEL = "homomorphic"
# CKKS is not IND-CPA-D: exact decrypted floats must not be shared, so three decimals are.
PROBABILITY_DECIMALS = 3
NO_FINDING = "no finding"


@dataclass(frozen=True)
class Diagnosis:
    """The answer for one image or record.

    Args:
        source: Name that the caller gave the input, such as its path.
        model: Name of the model.
        version: Version of the model.
        finding: The class decided on; of several findings at once their names, with commas.
        positive: The class that ``probability`` is of.
        probability: Of ``positive``, three decimals.
        probabilities: Of every class, three decimals.
        threshold: Operating point on ``probability``.
        level: Level of protection.
        parameters_digest: Of the CKKS parameters, hex; in an envelope, of the key it was sealed to.
        timings_ms: Of the ciphertext that held this input, by phase.
        receipt: What the service signed.
    """

    source: str
    model: str
    version: str
    finding: str
    positive: str
    probability: float
    probabilities: Mapping[str, float]
    threshold: float
    level: str
    parameters_digest: str
    timings_ms: Mapping[str, float]
    receipt: Receipt

    def to_json(self) -> dict[str, Any]:
        """The documented JSON object (docs/cli.md)."""
        return asdict(self)


def decide(
    signature: Signature | ModelInterface, probabilities: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Index of the class decided on, for each row of ``[records, classes]``.

    Two classes: by the operating point on the positive one. More: the most probable. Several
    findings at once: 0 or 1 ``[records, classes]``, each by the operating point.
    """
    outputs = signature.outputs
    if outputs.kind == "multilabel":
        return np.asarray(probabilities >= outputs.threshold, dtype=np.int64)
    if outputs.kind == "binary":
        positive = outputs.classes.index(outputs.positive)
        above = probabilities[:, positive] >= outputs.threshold
        decided: NDArray[np.int64] = np.where(above, positive, 1 - positive).astype(np.int64)
        return decided
    return np.asarray(np.argmax(probabilities, axis=1), dtype=np.int64)


def named(outputs: Outputs, decided: NDArray[np.int64]) -> str:
    """One row of `decide` in words."""
    if outputs.kind != "multilabel":
        return outputs.classes[int(decided)]
    found = [name for name, is_there in zip(outputs.classes, decided, strict=True) if is_there]
    return ", ".join(found) or NO_FINDING


def diagnoses(
    signature: Signature | ModelInterface,
    sources: list[str],
    probabilities: NDArray[np.float64],
    timings_ms: Mapping[str, float],
    receipt: Receipt,
    *,
    level: str = LEVEL,
) -> list[Diagnosis]:
    """Rounds and names the answers of one request.

    Args:
        signature: Of the model.
        sources: Names of the inputs.
        probabilities: ``[records, classes]``.
        timings_ms: By phase.
        receipt: What the service signed.
        level: Level of protection at which it was computed.
    """
    outputs = signature.outputs
    rounded = np.round(probabilities, PROBABILITY_DECIMALS)
    positive = outputs.classes.index(outputs.positive)
    return [
        Diagnosis(
            source=source,
            model=signature.model,
            version=signature.version,
            finding=named(outputs, decided),
            positive=outputs.positive,
            probability=float(row[positive]),
            probabilities=dict(zip(outputs.classes, map(float, row), strict=True)),
            threshold=outputs.threshold,
            level=level,
            parameters_digest=receipt.parameters_digest,
            timings_ms=timings_ms,
            receipt=receipt,
        )
        for source, row, decided in zip(
            sources, rounded, decide(signature, probabilities), strict=True
        )
    ]
