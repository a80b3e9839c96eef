"""Calibrates a model in a folder: the temperature from its validation split, and a record of it.

The temperature goes into ``outputs.temperature`` of ``model.json``, from there into the
signature, and the client applies it after decryption. The model's digest changes with it.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import InputError
from safelight.models.calibration import fit_temperature
from safelight.models.held_out import HeldOut
from safelight.models.measures import cross_entropy
from safelight.models.registry import SHIPPED, TrainedModel, load_model_folder

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Calibrated:
    """What the fit changed, on the data it was fitted on.

    Args:
        temperature: New divisor of the logits.
        threshold: The operating point on the new probability; decisions stay as they were.
        loss_before: Cross-entropy with the old temperature.
        loss_after: With the new one.
    """

    temperature: float
    threshold: float
    loss_before: float
    loss_after: float


def fit(outputs: Outputs, logits: FloatArray, labels: NDArray[Any]) -> Calibrated:
    """The temperature with the least cross-entropy of validation data.

    Args:
        outputs: Meaning of the logits, with the old temperature and threshold.
        logits: ``[n, outputs]``.
        labels: Class ``[n]``, or 0 and 1 ``[n, classes]``.
    """

    def loss(temperature: float) -> float:
        return cross_entropy(labels, probabilities(outputs, logits, temperature), outputs.kind)

    found = round(fit_temperature(loss), 4)
    # decisions are made on the logit: move the threshold with the probability
    odds = math.log(outputs.threshold / (1 - outputs.threshold))
    moved = odds * outputs.temperature / found
    threshold = 1 / (1 + math.exp(-moved)) if outputs.kind != "multiclass" else outputs.threshold
    return Calibrated(found, round(threshold, 4), loss(outputs.temperature), loss(found))


def calibrate_folder(model: TrainedModel, validation: HeldOut) -> TrainedModel:
    """Fits the temperature and writes it into the model's folder; returns the model as it is now.

    Args:
        model: Of a folder of the person's own.
        validation: Its validation split. Never the test split.

    Raises:
        InputError: A shipped model, or data that are not a validation split.
    """
    if model.folder.parent == SHIPPED:
        raise InputError(
            f"the shipped model {model.name!r} is calibrated already",
            hint="copy its folder and give the path of the copy",
        )
    split = validation.dataset.rpartition("/")[2]
    if split != "val":
        raise InputError(
            f"a temperature is fitted on validation data, not on {split!r}",
            hint="calibration measured on the data it was fitted on says nothing",
        )
    parts = np.array_split(validation.inputs, max(1, len(validation.inputs) // 256))
    logits = np.concatenate([evaluate(model.graph, part) for part in parts])
    found = fit(model.meaning.outputs, logits, validation.labels)
    path = model.folder / "model.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    description["outputs"] |= {"temperature": found.temperature, "threshold": found.threshold}
    description["calibration"] = {
        "method": "temperature scaling",
        "split": validation.dataset,
        "n": len(validation.labels),
        "loss_before": round(found.loss_before, 5),
        "loss_after": round(found.loss_after, 5),
    }
    part_path = path.with_suffix(".part")
    part_path.write_text(
        json.dumps(description, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    part_path.replace(path)
    return load_model_folder(model.folder)
