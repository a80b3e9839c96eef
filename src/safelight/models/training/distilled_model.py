"""How the shipped image models are made: a ReLU ensemble teaches networks with quadratics.

1. Training images and validation images, patients apart where patients are known.
2. A teacher: an ensemble of residual ReLU networks, one a seed.
3. For each seed a student with quadratics, and its twin with ReLU, from the same lessons.
4. The seed whose validation loss is least, over the validation images as they are and under four
   fixed draws of the augmentation.
5. Its temperature from the validation images. The operating point of two classes is 0.5 by rule:
   training weighs them alike, so 0.5 is even odds at even prevalence.

The test split is never read here; `safelight.models.training.distilled_report` reads it, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.split import without_repeats_of
from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.course import Material, Recipe, predict
from safelight.models.training.export import (
    export_graph,
    observed_ranges,
    widened,
    write_model,
)
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import Normalisation, pixels
from safelight.models.training.shared_lessons import (
    SharedLessons,
    draw_shared_lessons,
    fit_on_lessons,
)
from safelight.models.training.teacher import Teacher
from safelight.models.training.terminal import epoch_bar, say
from safelight.models.training.trial_compilation import description_of

LESSON_SEED = 7
RANGE_MARGIN = 1.5
"""Ranges in ``model.json`` are those observed, stretched by this about their middle."""
TEMPERATURES = np.exp(np.linspace(np.log(0.25), np.log(4.0), 401))


@dataclass(frozen=True)
class Words:
    """What a card says beside the figures.

    Args:
        intended_use: For whom and for what.
        made: How it was trained and chosen.
        limits: One line each.
    """

    intended_use: str
    made: str
    limits: tuple[str, ...]


@dataclass(frozen=True)
class DistilledModel:
    """One shipped model.

    Args:
        name: Of the model and its folder.
        title: One line for people.
        version: Of the weights.
        data: The data set of a fold from 0, at a path or, with None, where it is found.
        architecture: Of the student.
        recipe: Of the student.
        teacher_recipe: Of each member of the teacher.
        words: For the card.
        folds: How many parts of the data serve as test in turn; the first one's model is shipped.
        teacher_width: Channels of its first layer.
        teacher_stride: Of its first layer.
        teacher_seeds: One member each.
        seeds: One student and one twin each.
        passes: Draws of every image that the students' epochs share.
        balanced: Whether rare classes weigh more.
        squashed: Whether images become squares by squeezing, as those of the data set did,
            instead of by cropping.
    """

    name: str
    title: str
    version: str
    data: Callable[[Path | None, int], Dataset]
    architecture: Architecture
    recipe: Recipe
    teacher_recipe: Recipe
    words: Words
    folds: int = 1
    teacher_width: int = 16
    teacher_stride: int = 2
    teacher_seeds: tuple[int, ...] = (100, 101, 102)
    seeds: tuple[int, ...] = (0, 1, 2)
    passes: int = 16
    balanced: bool = True
    squashed: bool = False


@dataclass(frozen=True)
class Student:
    """One trained seed and what validation says of it."""

    seed: int
    network: Network
    twin: Network
    logits: NDArray[np.float64]
    auc: float
    twin_auc: float
    selection_loss: float


def material_of(model: DistilledModel, dataset: Dataset) -> Material:
    """Training and validation images without the training images that are in both."""
    train, repeated = without_repeats_of(dataset.train, dataset.val)
    say(f"{len(train)} training images ({repeated} also in validation left out)")
    normalisation = Normalisation.of(train.inputs)
    objective = Objective.of(dataset.about, train.labels)
    if not model.balanced:
        objective = replace(objective, weights=torch.ones_like(objective.weights))
    return Material(
        pixels(train.inputs, normalisation.window_hu),
        torch.from_numpy(train.labels),
        pixels(dataset.val.inputs, normalisation.window_hu),
        torch.from_numpy(dataset.val.labels),
        normalisation,
        objective,
    )


def train_fold(model: DistilledModel, dataset: Dataset, folder: Path) -> Path:
    """Trains every seed on one fold and writes each; returns the folder of the selected one.

    What is found in the folder (teacher, lessons, students) is not made again, so a run that was
    stopped continues.

    Args:
        model: What to train.
        dataset: Its test split is not touched.
        folder: Gets ``teacher/``, ``seed-<n>/`` and ``selected/``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    material = material_of(model, dataset)
    teacher = _teacher(model, material, folder / "teacher")
    lessons = _lessons(model, material, teacher, folder / "lessons.pt")
    students = [_student(model, material, lessons, seed, folder) for seed in model.seeds]
    best = min(students, key=lambda student: student.selection_loss)
    for student in students:
        description, weights = describe(model, student, students, material, dataset)
        write_model(folder / f"seed-{student.seed}", description, weights)
        if student is best:
            write_model(folder / "selected", description, weights)
    say(f"selected seed {best.seed}")
    return folder / "selected"


def disturbed(material: Material, augmentation: Augmentation | None) -> Tensor:
    """Four fixed draws of changed validation images (nothing erased), one after the other."""
    if augmentation is None:
        return material.val_images
    change = replace(augmentation, erase=0.0)
    images = material.val_images.float() / 255
    copies = [change(images, torch.Generator().manual_seed(100 + k)) for k in range(4)]
    return (torch.cat(copies) * 255).round().to(torch.uint8)


def _teacher(
    model: DistilledModel, material: Material, folder: Path
) -> Callable[[Tensor], Tensor] | None:
    folder.mkdir(exist_ok=True)
    recipe, members = model.teacher_recipe, []
    for seed in model.teacher_seeds:
        path = folder / f"member-{seed}.pt"
        torch.manual_seed(seed)
        member = Teacher(
            model.architecture.input_shape[0],
            model.teacher_width,
            model.architecture.outputs,
            model.teacher_stride,
        )
        if path.is_file():
            member.load_state_dict(torch.load(path, weights_only=True))
        else:
            member = fit_on_lessons(
                member,
                lambda epoch, seed=seed: draw_shared_lessons(  # type: ignore[misc]
                    material, recipe, passes=1, seed=1000 * (seed + 1) + epoch
                ),
                material,
                recipe,
                seed=seed,
                watch=epoch_bar(f"teacher {seed}"),
            )
            torch.save(member.state_dict(), path)
        members.append(member.eval())
    if not members:
        return None
    return lambda batch: torch.stack([member(batch) for member in members]).mean(0)


def _lessons(
    model: DistilledModel,
    material: Material,
    teacher: Callable[[Tensor], Tensor] | None,
    path: Path,
) -> SharedLessons:
    if path.is_file():
        return SharedLessons.load(path)
    lessons = draw_shared_lessons(
        material, model.recipe, passes=model.passes, seed=LESSON_SEED, teacher=teacher
    )
    lessons.save(path)
    say(f"{model.passes} passes of lessons answered by {len(model.teacher_seeds)} teachers")
    return lessons


def _student(
    model: DistilledModel, material: Material, lessons: SharedLessons, seed: int, folder: Path
) -> Student:
    networks = []
    for activation in ("quadratic", "relu"):
        path = folder / f"{activation}-{seed}.pt"
        torch.manual_seed(seed)
        network = Network(model.architecture, activation=activation)
        if path.is_file():
            network.load_state_dict(torch.load(path, weights_only=True))
        else:
            network = fit_on_lessons(
                network,
                lambda _: lessons,
                material,
                model.recipe,
                seed=seed,
                watch=epoch_bar(f"{activation} {seed}"),
            )
            torch.save(network.state_dict(), path)
        networks.append(network.eval())
    student, twin = networks
    objective, labels = material.objective, material.val_labels.numpy()
    logits = predict(student, material.val_images, material.normalisation)
    copies = disturbed(material, model.recipe.augmentation)
    copied = predict(student, copies, material.normalisation)
    repeated = np.tile(labels, len(copies) // len(labels))
    loss = objective.selection_loss(labels, logits) + objective.selection_loss(repeated, copied)
    twin_logits = predict(twin, material.val_images, material.normalisation)
    found = Student(
        seed, student, twin, logits,
        objective.auc(labels, logits), objective.auc(labels, twin_logits), loss / 2,
    )  # fmt: skip
    say(
        f"seed {seed}: validation AUC {found.auc:.4f} (ReLU {found.twin_auc:.4f}), disturbed "
        f"{objective.auc(repeated, copied):.4f}, selection loss {found.selection_loss:.4f}"
    )
    return found


def describe(
    model: DistilledModel,
    student: Student,
    students: list[Student],
    material: Material,
    dataset: Dataset,
) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """``model.json`` and the weights of one student."""
    copies = disturbed(material, model.recipe.augmentation)
    batches = [
        material.normalisation(part.float() / 255)
        for part in (material.images, material.val_images, copies)
    ]
    observed = observed_ranges(student.network, batches)
    graph = export_graph(student.network, widened(observed, RANGE_MARGIN))
    description = description_of(
        model.name, model.title, model.architecture, material.normalisation, material.objective
    )
    if model.squashed:
        steps = description["preprocessing"]["steps"]
        steps[:] = [step for step in steps if step["step"] != "center_crop_square"]
    about = dataset.about
    description["version"] = model.version
    description["outputs"]["temperature"] = _temperature(material, student.logits)
    data = {"name": about.title, "licence": about.licence, "attribution": about.attribution}
    aucs, twins = [each.auc for each in students], [each.twin_auc for each in students]
    return {
        **description,
        "nodes": graph.nodes,
        "output": graph.output,
        "ranges": graph.ranges,
        "observed_ranges": {
            name: [round(bound, 3) for bound in observed[k]] for k, name in enumerate(graph.ranges)
        },
        "data": data | ({"md5": about.md5} if about.md5 else {}),
        "training": {
            "seed": student.seed,
            "seeds": [each.seed for each in students],
            "validation": {
                "n": len(material.val_labels),
                "auc": round(student.auc, 4),
                "auc_mean_over_seeds": round(float(np.mean(aucs)), 4),
                "auc_std_over_seeds": round(float(np.std(aucs)), 4),
                "relu_twin_auc_mean_over_seeds": round(float(np.mean(twins)), 4),
            },
            "command": f"python -m {__package__}.{model.name.replace('-', '_')} --out DIR",
        },
    }, graph.weights


def _temperature(material: Material, logits: NDArray[np.float64]) -> float:
    """The divisor of the logits with the least loss on validation images, within 0.25 … 4."""
    labels = material.val_labels.numpy()
    losses = [material.objective.selection_loss(labels, logits / t) for t in TEMPERATURES]
    return round(float(TEMPERATURES[int(np.argmin(losses))]), 4)


def fold_folder(out: Path, fold: int) -> Path:
    """Where one fold's networks are kept."""
    return out / f"fold-{fold}"


def relu_twin(model: DistilledModel, folder: Path, seed: int) -> nn.Module:
    """The ReLU twin of one seed, as `train_fold` kept it."""
    network = Network(model.architecture, activation="relu")
    network.load_state_dict(torch.load(folder / f"relu-{seed}.pt", weights_only=True))
    return network.eval()
