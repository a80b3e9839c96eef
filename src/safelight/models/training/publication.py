"""A trained run to the model folder: ranges, temperature, ``model.json``, packing, card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from safelight.circuit.compiler import Compiled
from safelight.circuit.outputs import Outputs, probabilities
from safelight.errors import CompileError
from safelight.models.calibration import fit_temperature
from safelight.models.datasets.dataset import About
from safelight.models.measures import cross_entropy
from safelight.models.model_folder import model_names
from safelight.models.model_name import name_from
from safelight.models.recorded_data import write_source
from safelight.models.registry import TrainedModel, compile_model, load_model_folder
from safelight.models.training import operating_point
from safelight.models.training.course import predict
from safelight.models.training.export import (
    export_graph,
    observed_ranges,
    widened,
    write_model,
)
from safelight.models.training.pipeline import Run, Student, changed_copies
from safelight.models.training.pixels import brightness
from safelight.models.training.trained_card import card_text
from safelight.models.training.trial_compilation import check_ring, description_of

RANGE_MARGIN = 1.5
"""Ranges in ``model.json`` are those observed, stretched by this about their middle."""
MOST_CALIBRATED = 8192
"""Training images whose ranges are observed, spread over the set."""


@dataclass(frozen=True)
class Published:
    """A model in its folder.

    Args:
        model: As the registry reads it.
        compiled: Its triple.
    """

    model: TrainedModel
    compiled: Compiled


def publish(
    run: Run, output: Path, command: str, say: Callable[[str], None] = lambda _: None
) -> Published:
    """Writes the best student's model folder, compiled, with its card.

    Args:
        run: A finished training.
        output: The folder.
        command: That made it, for the card.
        say: Told where a recorded packing did not fit.

    Raises:
        CompileError: The trained network does not compile: its ranges are too wide.
    """
    description, weights = describe(run, run.best, command)
    write_model(output, description, weights)
    if run.dataset.origin is not None:
        write_source(output, run.dataset.origin)
    model = load_model_folder(output)
    model.record_packing(run.chosen.packing)
    try:
        compiled = compile_model(model)
    except CompileError:
        say("the trained ranges need another packing; searching")
        compiled = compile_model(model, search=True)
        model.record_packing(compiled.packing)
    check_ring(compiled, run.config.network.max_n)
    (output / "card.md").write_text(card_text(description), encoding="utf-8")
    return Published(model, compiled)


def describe(
    run: Run, student: Student, command: str
) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """``model.json`` and the weights of one student."""
    material, about = run.material, run.dataset.about
    named, origin = run.config.model, run.dataset.origin
    parts = (run.dataset.name, run.chosen.candidate.name)
    name = named.name or name_from(*parts, otherwise="model")
    if not named.name and name in model_names():  # which stands for the shipped weights
        name = name_from(*parts, "trained", otherwise="model")
    title = named.title or f"{about.title}, {' or '.join(about.classes[:3])}"[:120]
    title = "".join(letter if letter.isprintable() else " " for letter in title)
    observed = observed_ranges(student.network, _calibration_batches(run))
    graph = export_graph(student.network, widened(observed, RANGE_MARGIN))
    description = description_of(
        name, title, student.network.architecture, material.normalisation, material.objective
    )
    logits = predict(student.network, material.val_images, material.normalisation)
    labels = material.val_labels.numpy()
    outputs = calibrated(about, logits, labels)
    description["version"] = named.version
    description["outputs"] |= {
        "threshold": round(outputs.threshold, 4),
        "temperature": round(outputs.temperature, 4),
    }
    aucs = [each.val_auc for each in run.students]
    description |= {
        "nodes": graph.nodes,
        "output": graph.output,
        "ranges": graph.ranges,
        "observed_ranges": {
            key: [round(bound, 3) for bound in observed[k]] for k, key in enumerate(graph.ranges)
        },
        "data": {
            "name": about.title,
            "task": about.task,
            "licence": about.licence,
            "attribution": about.attribution,
            "source": about.source,
            "md5": about.md5,
            **({"selector": origin.to_json()} if origin is not None else {}),
        },
        "training": {
            "command": command,
            "config": run.config.to_json(),
            "intended_use": named.intended_use,
            "network": run.chosen.candidate.name,
            "refused": list(run.chosen.refused),
            "seed": student.seed,
            "seeds": [each.seed for each in run.students],
            "epochs": [each.progress.epoch for each in run.students],
            "images": len(material.images),
            "privacy": None if run.privacy is None else asdict(run.privacy),
            "plan": run.plan.to_json(),
            "validation": {
                "n": len(labels),
                "auc": round(student.val_auc, 4),
                "auc_of_seeds": [round(auc, 4) for auc in aucs],
                "auc_mean_over_seeds": round(float(np.mean(aucs)), 4),
                "auc_std_over_seeds": round(float(np.std(aucs)), 4),
                "teacher_auc": None if run.teacher_auc is None else round(run.teacher_auc, 4),
            },
        },
    }
    plan = description["training"]["plan"]
    for limit in ("student_seconds", "teacher_seconds"):
        if np.isinf(plan[limit]):  # JSON has no infinity
            plan[limit] = None
    return description, graph.weights


def calibrated(about: About, logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Outputs:
    """Temperature and operating point from validation.

    Two classes weigh alike, so 0.5 is even odds at even prevalence. One class of several is the
    most probable. Several findings share one operating point: that with the best mean of
    sensitivity and specificity over them.
    """
    kind = {"binary": "sigmoid", "multi-label": "sigmoid_each"}.get(about.task, "softmax")
    outputs = Outputs(about.classes, kind, about.finding, 0.5)
    if about.task == "binary":
        truth = (labels == about.classes.index(about.finding)).astype(np.int64)
        return replace(outputs, temperature=operating_point.fit_temperature(truth, logits[:, 0]))

    def loss(temperature: float) -> float:
        return cross_entropy(labels, probabilities(outputs, logits, temperature), outputs.kind)

    outputs = replace(outputs, temperature=fit_temperature(loss))
    if about.task == "multi-label":
        chances = probabilities(outputs, logits)
        return replace(outputs, threshold=_shared_threshold(labels, chances))
    return outputs


def _shared_threshold(labels: NDArray[np.int64], chances: NDArray[np.float64]) -> float:
    best, chosen = -1.0, 0.5
    sick, well = labels == 1, labels == 0
    for threshold in np.quantile(chances, np.linspace(0.02, 0.98, 97)):
        found = chances >= threshold
        sensitivity = (found & sick).sum(0) / np.maximum(sick.sum(0), 1)
        specificity = (~found & well).sum(0) / np.maximum(well.sum(0), 1)
        value = float((sensitivity + specificity).mean())
        if value > best:
            best, chosen = value, float(threshold)
    return min(max(chosen, 0.001), 0.999)


def _calibration_batches(run: Run) -> list[torch.Tensor]:
    """Normalised training images (spread over the set), validation images, changed copies."""
    material = run.material
    step = max(1, len(material.images) // MOST_CALIBRATED)
    # a range would tell of the training image that reached it
    learned = [] if run.privacy is not None else [material.images[::step]]
    images = [*learned, material.val_images]
    images += changed_copies(material.val_images[:MOST_CALIBRATED], run.plan.recipe.augmentation)
    return [
        material.normalisation(brightness(part)) for each in images for part in each.split(1024)
    ]
