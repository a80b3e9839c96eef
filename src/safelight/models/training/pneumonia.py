"""What both pneumonia models share: data, teacher, seeds, selection, export.

1. PneumoniaMNIST's training images without those that also occur in validation.
2. A teacher: an ensemble of residual ReLU networks, one a seed.
3. For each seed a student with quadratics, distilled from the teacher.
4. The seed whose validation log loss is least, over the validation images as they are and under
   four fixed draws of the augmentation (the images as they are hardly tell good models apart).
5. Its temperature from the validation images; the operating point is 0.5 by rule: training
   weighs both classes alike, so 0.5 is even odds at even prevalence.

The test split is never read here; `safelight.models.training.evaluate` reads it, once.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from safelight.models import metrics
from safelight.models.datasets import medmnist
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.split import Split, without_repeats_of
from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.export import (
    FORMAT,
    export_graph,
    observed_ranges,
    widened,
    write_model,
)
from safelight.models.training.fit import Recipe, fit, images_to_tensor
from safelight.models.training.lessons import Lessons, draw_lessons
from safelight.models.training.operating_point import balanced_accuracy, fit_temperature
from safelight.models.training.selection import Candidate, disturbed, judge
from safelight.models.training.teacher import Ensemble, Teacher
from safelight.models.training.terminal import epoch_bar, say

MEAN, STD = 0.5719, 0.1684
"""Of all training pixels on 0 … 1."""

LESSON_SEED = 7

RANGE_MARGIN = 1.5
"""Ranges in ``model.json`` are those observed, stretched by this about their middle."""

PREPROCESSING = {
    "version": 1,
    "steps": [
        {"step": "greyscale"},
        {"step": "center_crop_square"},
        {"step": "resize", "height": 28, "width": 28},
        {"step": "normalize", "mean": [MEAN], "std": [STD]},
    ],
}


@dataclass(frozen=True)
class Plan:
    """One shipped pneumonia model.

    Args:
        name: Of the model and its folder.
        title: One line for people.
        version: Of the weights.
        architecture: Of the student.
        recipe: Of the student.
        teacher_recipe: Of each member of the teacher.
        teacher_seeds: One member each.
        seeds: One student each.
    """

    name: str
    title: str
    version: str
    architecture: Architecture
    recipe: Recipe
    teacher_recipe: Recipe = field(default_factory=lambda: Recipe(epochs=30, learning_rate=3e-3))
    teacher_seeds: tuple[int, ...] = (100, 101, 102)
    seeds: tuple[int, ...] = (0, 1, 2)


def main(plan: Plan, arguments: list[str] | None = None) -> None:
    """Runs a plan as a command: trains, selects, writes the shipped form of every seed."""
    parser = argparse.ArgumentParser(description=f"Train {plan.name} on PneumoniaMNIST.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the models")
    parser.add_argument("--data", type=Path, help="pneumoniamnist.npz; else found or downloaded")
    parser.add_argument("--teacher", type=Path, help="folder that keeps the teacher's members")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(plan.seeds))
    parser.add_argument("--epochs", type=int, default=plan.recipe.epochs)
    parser.add_argument("--threads", type=int, default=1, help="more are faster, less reproducible")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    plan = replace(
        plan,
        seeds=tuple(options.seeds),
        recipe=replace(plan.recipe, epochs=options.epochs),
    )
    path = options.data or medmnist.find_or_download("pneumoniamnist")
    train_model(plan, path, options.out, options.teacher or options.out / "teacher")


def fitted(network: Network, plan: Plan, material: Material, seed: int, title: str) -> Network:
    """The network after the plan's lessons; `title` stands beside the bar."""
    return fit(
        network,
        lambda _: material.lessons,
        mean=MEAN,
        std=STD,
        recipe=plan.recipe,
        seed=seed,
        progress=epoch_bar(title),
    )


def train_model(plan: Plan, data: Path, out: Path, teacher_folder: Path) -> Path:
    """Trains every seed of a plan and writes each; returns the folder of the selected one.

    Args:
        plan: What to train.
        data: PneumoniaMNIST's file.
        out: Gets ``seed-<n>/`` for each seed and ``<name>/`` for the selected one.
        teacher_folder: Members found there are used; others are trained and kept there.
    """
    material = material_of(plan, data, teacher_folder)
    images, val = material.images, material.dataset.val
    candidates = []
    for seed in plan.seeds:
        torch.manual_seed(seed)
        network = fitted(Network(plan.architecture), plan, material, seed, f"seed {seed}")
        candidates.append(judge(network, seed, val, mean=MEAN, std=STD))
    best = min(candidates, key=lambda candidate: candidate.selection_loss)
    for candidate in candidates:
        description, weights = _describe(plan, candidate, candidates, images, val)
        write_model(out / f"seed-{candidate.seed}", description, weights)
        if candidate is best:
            write_model(out / plan.name, description, weights)
    say(f"selected seed {best.seed}; now run safelight.models.training.evaluate")
    return out / plan.name


@dataclass(frozen=True)
class Material:
    """What the students of a plan, and their twins, learn from.

    Args:
        dataset: PneumoniaMNIST.
        images: Its training images without those that are also in validation, 0 … 1.
        lessons: These images, changed, with the teacher's answers.
    """

    dataset: Dataset
    images: Tensor
    lessons: Lessons


def material_of(plan: Plan, data: Path, teacher_folder: Path) -> Material:
    """Reads the data, trains the teacher where it is not kept, and draws the lessons."""
    dataset = medmnist.load(data)
    train, repeated = without_repeats_of(dataset.train, dataset.val)
    say(f"{len(train)} training images ({repeated} also in validation left out)")
    images, labels = images_to_tensor(train.inputs), torch.from_numpy(train.labels)
    teacher = _teacher(plan, images, labels, teacher_folder)
    lessons = _lessons(plan.recipe, images, labels, plan.recipe.passes, LESSON_SEED, teacher)
    say(f"{plan.recipe.passes} passes of lessons answered by {len(plan.teacher_seeds)} teachers")
    return Material(dataset, images, lessons)


def _lessons(
    recipe: Recipe,
    images: Tensor,
    labels: Tensor,
    passes: int,
    seed: int,
    teacher: Ensemble | None,
) -> Lessons:
    return draw_lessons(
        images,
        labels,
        passes=passes,
        augmentation=recipe.augmentation,
        mixup=recipe.mixup,
        seed=seed,
        mean=MEAN,
        std=STD,
        teacher=teacher,
    )


def _teacher(plan: Plan, images: Tensor, labels: Tensor, folder: Path) -> Ensemble:
    """The members kept in a folder; those missing are trained first, on fresh draws every epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe, members = plan.teacher_recipe, []
    for seed in plan.teacher_seeds:
        torch.manual_seed(seed)
        member = Teacher()
        path = folder / f"member-{seed}.pt"
        if path.is_file():
            member.load_state_dict(torch.load(path, weights_only=True))
        else:
            member = fit(
                member,
                lambda epoch, seed=seed: _lessons(  # type: ignore[misc]
                    recipe, images, labels, 1, 1000 * (seed + 1) + epoch, None
                ),
                mean=MEAN,
                std=STD,
                recipe=recipe,
                seed=seed,
                progress=epoch_bar(f"teacher {seed}"),
            )
            torch.save(member.state_dict(), path)
        members.append(member)
    return Ensemble(members)


def _describe(
    plan: Plan, candidate: Candidate, candidates: list[Candidate], images: Tensor, val: Split
) -> tuple[dict[str, Any], dict[str, Any]]:
    """``model.json`` and the weights of one candidate."""
    temperature = fit_temperature(val.labels, candidate.logits)
    val_images = images_to_tensor(val.inputs)
    batches = [(part - MEAN) / STD for part in (images, val_images, disturbed(val_images))]
    observed = observed_ranges(candidate.network, batches)
    graph = export_graph(candidate.network, widened(observed, RANGE_MARGIN))
    aucs = [metrics.auc(val.labels, each.logits) for each in candidates]
    description = {
        "format": FORMAT,
        "name": plan.name,
        "version": plan.version,
        "title": plan.title,
        "input_shape": list(plan.architecture.input_shape),
        "input_bound": 3.5,  # pixels of 0 … 1 after normalisation: −3.41 … 2.55
        "preprocessing": PREPROCESSING,
        "nodes": graph.nodes,
        "output": graph.output,
        "outputs": {
            "classes": ["normal", "pneumonia"],
            "activation": "sigmoid",
            "positive": "pneumonia",
            "threshold": 0.5,
            "temperature": round(temperature, 4),
        },
        "ranges": graph.ranges,
        "observed_ranges": {
            name: [round(bound, 3) for bound in observed[k]] for k, name in enumerate(graph.ranges)
        },
        "data": {
            "name": "PneumoniaMNIST (MedMNIST v2)",
            "md5": medmnist.KNOWN_MD5["pneumoniamnist"],
            "licence": "CC BY 4.0",
            "attribution": "Yang et al. 2023 (MedMNIST v2); Kermany et al. 2018",
        },
        "training": {
            "seed": candidate.seed,
            "seeds": [each.seed for each in candidates],
            "validation": {
                "n": len(val),
                "auc": round(metrics.auc(val.labels, candidate.logits), 4),
                "balanced_accuracy": round(balanced_accuracy(val.labels, candidate.logits), 4),
                "auc_mean_over_seeds": round(float(np.mean(aucs)), 4),
                "auc_std_over_seeds": round(float(np.std(aucs)), 4),
            },
            "command": f"python -m {__package__}.{plan.name.replace('-', '_')} --out DIR",
        },
    }
    return description, graph.weights
