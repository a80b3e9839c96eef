"""What differs before a private run: nothing may depend on training images unaccounted for."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import torch

from safelight.errors import InputError
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.candidates import Candidate
from safelight.models.training.config import TrainingConfig
from safelight.models.training.course import Course, Material, Recipe, steps_per_epoch
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import LUNG_WINDOW_HU, pixels
from safelight.models.training.plan import Plan
from safelight.models.training.private_course import (
    PrivateCourse,
    budget_of,
    private_normalisation,
)

EPOCHS = 20
"""More steps need more noise a step; about twenty passes are a common optimum."""
BATCH_SIZE = 256
_SLOWER = 1.3  # than measured: a sample may be larger, and validation takes time


def private_material(dataset: Dataset) -> Material:
    """Tensors with fixed normalisation and class weights of 1: counts of labels are data too."""
    images = pixels(dataset.train.inputs, LUNG_WINDOW_HU)
    if images.dim() != 4:
        raise InputError("differential privacy is for images here", hint="leave out --dp-epsilon")
    normalisation = private_normalisation(images.shape[1])
    if dataset.train.inputs.dtype.kind == "i":
        normalisation = replace(normalisation, window_hu=LUNG_WINDOW_HU)
    return Material(
        images,
        torch.from_numpy(dataset.train.labels),
        pixels(dataset.val.inputs, LUNG_WINDOW_HU),
        torch.from_numpy(dataset.val.labels),
        normalisation,
        Objective(dataset.about, torch.ones(len(dataset.about.classes))),
    )


def private_candidate(candidate: Candidate) -> Candidate:
    """The same without batch norm, through which images would see one another, and dropout."""
    made = replace(candidate.architecture, norm="none", dropout=0.0)
    return replace(candidate, architecture=made)


def make_private_plan(
    architecture: Architecture,
    material: Material,
    config: TrainingConfig,
    augmentation: Augmentation,
    seconds: float,
) -> Plan:
    """One student, no teacher, no mixing; epochs as time allows, at most `EPOCHS`.

    Args:
        architecture: Of the student.
        material: Data and task.
        config: What the person has fixed; the first of its seeds is used.
        augmentation: Not used: a few noisy passes have no room for changed images (validation
            AUC on PneumoniaMNIST, 5 epochs, ε = 8: 0.96 without, 0.83 with).
        seconds: For training.
    """
    del augmentation
    count = len(material.images)
    recipe = Recipe(
        epochs=config.epochs or EPOCHS,
        batch_size=min(config.batch_size or BATCH_SIZE, count),
        learning_rate=config.learning_rate, weight_decay=0.0, label_smoothing=0.0, mixup=0.0,
        range_penalty=0.0, average_decay=0.9, patience=0, augmentation=None,
    )  # fmt: skip
    if not config.epochs and math.isfinite(seconds):
        steps = steps_per_epoch(recipe, count)
        step_s = _SLOWER * _seconds_per_step(architecture, material, recipe, config)
        affordable = int(seconds / (steps * step_s))
        recipe = replace(recipe, epochs=max(1, min(EPOCHS, affordable)))
    seeds = (config.seeds or (0,))[:1]
    threads = torch.get_num_threads()
    return Plan(recipe, seeds, recipe, (), seconds, 0.0, threads)


def _seconds_per_step(
    architecture: Architecture, material: Material, recipe: Recipe, config: TrainingConfig
) -> float:
    budget = budget_of(config.dp_epsilon, config.dp_delta, len(material.images))
    torch.manual_seed(0)
    course: Course = PrivateCourse(Network(architecture), material, recipe, seed=0, budget=budget)
    course.step(torch.arange(1))
    start = time.monotonic()
    course.step(torch.arange(1))
    return time.monotonic() - start
