"""From a configuration to a compiled, calibrated model in a folder.

1. Data: read, checked, training images of other splits left out (`source`).
2. The network: the most accurate that the compiler accepts (`trial_compilation`).
3. The plan: epochs, seeds and teachers for the time there is (`plan`), written to the folder.
4. Teachers: residual ReLU networks; then for each seed a student with quadratics (`course`).
5. The seed with the least validation loss, over the images as they are and changed copies.
6. Ranges from training and validation images, temperature from validation (`publication`).
7. Compilation and the card.

The test split is only compared with the others for repeats; `safelight evaluate` reads it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.errors import InputError
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.candidates import Candidate, candidates
from safelight.models.training.config import NETWORKS, Config, NetworkConfig, TrainingConfig
from safelight.models.training.course import Course, Material, Progress, predict
from safelight.models.training.objective import Objective
from safelight.models.training.pixels import Normalisation, pixels
from safelight.models.training.plan import (
    Plan,
    default_threads,
    make_plan,
    make_teacher,
    total_seconds,
)
from safelight.models.training.private_course import Budget, PrivateCourse, budget_of
from safelight.models.training.private_plan import (
    make_private_plan,
    private_candidate,
    private_material,
)
from safelight.models.training.profiles import profile
from safelight.models.training.run_folder import RunFolder
from safelight.models.training.source import open_dataset
from safelight.models.training.trial_compilation import Chosen, first_that_compiles
from safelight.models.training.unknown_kind import flips_found_harmless
from safelight.models.training.watching import Silence, Watch

_FEW_WEIGHTS = ("small", "fast", "logistic")

COMPILING_AGAIN = 0.6
"""Of the time of the first compilation: the second has its packing recorded."""


@dataclass(frozen=True)
class Student:
    """One trained seed and what validation says of it.

    Args:
        seed: Of its training.
        network: With the weights of its best epoch.
        progress: Of its run.
        val_auc: Of those weights.
        selection_loss: Least for the one that is published.
    """

    seed: int
    network: Network
    progress: Progress
    val_auc: float
    selection_loss: float


@dataclass(frozen=True)
class Run:
    """A finished training, before publication.

    Args:
        config: As given.
        dataset: Read.
        material: As tensors.
        chosen: The network that compiles.
        plan: What was done.
        students: One a seed.
        teacher_auc: Validation AUC of the teacher; None without one.
        seconds: Wall-clock time so far.
        privacy: ε and δ spent; None without differential privacy.
    """

    config: Config
    dataset: Dataset
    material: Material
    chosen: Chosen
    plan: Plan
    students: tuple[Student, ...]
    teacher_auc: float | None
    seconds: float
    privacy: Budget | None = None

    @property
    def best(self) -> Student:
        """The one that is published."""
        return min(self.students, key=lambda student: student.selection_loss)


def run_training(config: Config, output: Path, watch: Watch | None = None) -> Run:
    """Trains as a configuration says, or goes on where a run into the same folder stopped.

    Args:
        config: What to do.
        output: Folder of the run.
        watch: Told of progress.

    Raises:
        InputError: The data or the configuration cannot be used, or the loss explodes.
        CompileError: No network that was asked for can be compiled.
    """
    watch = watch or Silence()
    start = time.monotonic()
    folder = RunFolder(output, config)
    threads = config.training.threads or default_threads()
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    watch.say(f"reading {Path(config.data.path).name or config.data.name}")
    dataset = open_dataset(config.data, watch)
    private = config.training.dp_epsilon > 0
    material = private_material(dataset) if private else material_of(dataset)
    folder.begin(dataset)
    watch.say(_described(dataset))
    compile_start = time.monotonic()
    chosen = folder.chosen(
        lambda: first_that_compiles(
            wanted(config.network, dataset, material, private=private),
            material.normalisation,
            material.objective,
            max_n=config.network.max_n,
            say=watch.say,
        )
    )
    compile_s = time.monotonic() - compile_start
    watch.say(f"network {chosen.candidate.name!r} compiles ({compile_s:.0f} s)")
    total = total_seconds(config.training)
    left = total - (time.monotonic() - start) - COMPILING_AGAIN * compile_s
    make = make_private_plan if private else make_plan
    plan = folder.plan(
        lambda: make(
            chosen.candidate.architecture,
            material,
            config.training,
            _augmentation(config, material, left, watch),
            max(left, 0.05 * total),
        )
    )
    watch.say(_planned(plan, len(material.images)))
    teachers = _teachers(plan, material, folder, watch)
    privacy = None
    if private:
        student, privacy = train_private(
            config.training, chosen.candidate.architecture, plan, material, folder, watch
        )
        students: tuple[Student, ...] = (student,)
    else:
        students = tuple(
            _student(chosen.candidate.architecture, plan, seed, material, teachers, folder, watch)
            for seed in plan.seeds
        )
    teacher_auc = None
    if teachers is not None:
        answers = _ensemble_logits(teachers, material)
        teacher_auc = material.objective.auc(material.val_labels.numpy(), answers)
    spent = time.monotonic() - start
    return Run(config, dataset, material, chosen, plan, students, teacher_auc, spent, privacy)


def material_of(dataset: Dataset) -> Material:
    """A data set as tensors, with its normalisation and objective."""
    normalisation = Normalisation.of(dataset.train.inputs)
    window = normalisation.window_hu
    return Material(
        pixels(dataset.train.inputs, window),
        torch.from_numpy(dataset.train.labels),
        pixels(dataset.val.inputs, window),
        torch.from_numpy(dataset.val.labels),
        normalisation,
        Objective.of(dataset.about, dataset.train.labels),
    )


def wanted(
    config: NetworkConfig, dataset: Dataset, material: Material, *, private: bool = False
) -> list[Candidate]:
    """The networks to try, in order.

    Raises:
        InputError: The one that was asked for is not for such data.
    """
    shape, outputs = tuple(material.images.shape[1:]), dataset.about.logits
    if config.kind in ("layers", "residual", "mlp"):
        hidden = config.hidden() if config.kind == "layers" else _named(config.kind)
        made = Architecture(shape, hidden, outputs, config.dropout, config.average)
        made.widths()
        asked = Candidate(config.kind, made)
        return [private_candidate(asked) if private else asked]
    found = list(candidates(shape, outputs, dropout=config.dropout, average=config.average))
    if private:
        # noise grows with the number of weights: the narrow networks lose the least
        found = [private_candidate(c) for c in found if c.name in _FEW_WEIGHTS]
    named = [c for c in found if config.kind in ("auto", c.name)]
    if not named:
        what = "training with differential privacy" if private else "records"
        others = [c.name for c in found if c.name in NETWORKS]
        raise InputError(
            f"network {config.kind!r} is not for {what}",
            hint=f"one of {', '.join(['auto', 'layers', 'mlp', *others])}",
        )
    return named


def _named(kind: str) -> Any:
    hidden = [{"dense": 64}, {"dense": 64}]
    if kind == "residual":
        hidden = [{"conv": 32, "kernel": 5, "stride": 2}, {"residual": 32}]
        hidden.append({"conv": 128, "stride": 2})
    return NetworkConfig(kind="layers", layers=tuple(hidden)).hidden()


def _augmentation(config: Config, material: Material, seconds: float, watch: Watch) -> Augmentation:
    about = material.objective.about
    found = profile(about.kind, len(material.images))
    if config.training.dp_epsilon > 0:
        return found  # to ask a network about flips would cost privacy
    if not about.kind and not config.augmentation and material.images.dim() == 4:
        found = flips_found_harmless(found, material, seconds, watch)
    return replace(found, **config.augmentation)


def _teachers(
    plan: Plan, material: Material, folder: RunFolder, watch: Watch
) -> list[nn.Module] | None:
    """The members of the ensemble; None without a teacher."""
    members: list[nn.Module] = []
    for number, seed in enumerate(plan.teacher_seeds, start=1):
        torch.manual_seed(seed)
        course = Course(
            make_teacher(material),
            material,
            plan.teacher_recipe,
            seed=seed,
            checkpoint=folder.checkpoint(f"teacher-{seed}"),
        )
        what = f"teacher {number} of {len(plan.teacher_seeds)}"
        _ran(course, watch, what, plan.teacher_seconds)
        members.append(course.average.eval())
    return members or None


def _student(
    architecture: Architecture,
    plan: Plan,
    seed: int,
    material: Material,
    teachers: list[nn.Module] | None,
    folder: RunFolder,
    watch: Watch,
) -> Student:
    objective = material.objective

    def answer(batch: Tensor) -> Tensor:
        assert teachers is not None
        return torch.stack([objective.probabilities(t(batch)) for t in teachers]).mean(0)

    torch.manual_seed(seed)
    course = Course(
        Network(architecture),
        material,
        plan.recipe,
        seed=seed,
        teacher=answer if teachers else None,
        checkpoint=folder.checkpoint(f"seed-{seed}"),
    )
    progress = _ran(course, watch, f"seed {seed}", plan.student_seconds)
    return judged(course, progress, seed, plan, material, watch)


def judged(
    course: Course, progress: Progress, seed: int, plan: Plan, material: Material, watch: Watch
) -> Student:
    """What validation says of a finished course."""
    objective = material.objective
    network = course.average.eval()
    assert isinstance(network, Network)
    labels = material.val_labels.numpy()
    plain = predict(network, material.val_images, material.normalisation)
    losses = [objective.selection_loss(labels, plain)]
    for copy in changed_copies(material.val_images, plan.recipe.augmentation):
        logits = predict(network, copy, material.normalisation)
        losses.append(objective.selection_loss(labels, logits))
    loss = (losses[0] + float(np.mean(losses[1:] or losses))) / 2
    auc = objective.auc(labels, plain)
    watch.say(f"seed {seed}: validation AUC {auc:.4f}, selection loss {loss:.4f}")
    return Student(seed, network, progress, auc, loss)


def changed_copies(
    images: Tensor, augmentation: Augmentation | None, *, draws: int = 2
) -> list[Tensor]:
    """Fixed random changes of uint8 images, none erased: what other sites' images look like."""
    if augmentation is None or images.dim() != 4:
        return []
    change = Augmentation(**{**vars(augmentation), "erase": 0.0})
    copies = []
    for draw in range(draws):
        generator = torch.Generator().manual_seed(100 + draw)
        parts = [change(part.float() / 255, generator) for part in images.split(1024)]
        copies.append((torch.cat(parts) * 255).round().to(torch.uint8))
    return copies


def _ensemble_logits(teachers: list[nn.Module], material: Material) -> NDArray[np.float64]:
    logits = [predict(t, material.val_images, material.normalisation) for t in teachers]
    return np.asarray(np.mean(logits, axis=0))


def train_private(
    config: TrainingConfig,
    architecture: Architecture,
    plan: Plan,
    material: Material,
    folder: RunFolder,
    watch: Watch,
) -> tuple[Student, Budget]:
    """The one student of a private run, and what it spent."""
    (seed,) = plan.seeds
    budget = budget_of(config.dp_epsilon, config.dp_delta, len(material.images))
    torch.manual_seed(seed)
    course = PrivateCourse(
        Network(architecture), material, plan.recipe, seed=seed, budget=budget,
        checkpoint=folder.checkpoint(f"seed-{seed}"),
    )  # fmt: skip
    progress = _ran(course, watch, f"private, seed {seed}", plan.student_seconds)
    spent = Budget(course.epsilon_spent, budget.delta)
    watch.say(f"differential privacy: ε = {spent.epsilon:.2f}, δ = {spent.delta:.1e}")
    return judged(course, progress, seed, plan, material, watch), spent


def _ran(course: Course, watch: Watch, what: str, seconds: float) -> Progress:
    """Trained to the end; it is said where the clock ended it before the planned epochs."""

    def told(epoch: int, epochs: int, loss: float, auc: float) -> None:
        watch.progress(what, epoch, epochs, f"loss {loss:.4f}, validation AUC {auc:.4f}")

    progress = course.run(told, seconds=seconds)
    if progress.epochs < course.recipe.epochs:
        watch.say(
            f"{what}: {progress.epochs} epochs, not the {course.recipe.epochs} planned: "
            "they took longer than measured at the start"
        )
    return progress


def _described(dataset: Dataset) -> str:
    counts = " / ".join(str(len(split)) for split in dataset.splits.values())
    shape = "×".join(map(str, dataset.train.inputs.shape[1:]))
    about = dataset.about
    return (
        f"{about.title}: {counts} images of {shape}, {about.task}, "
        f"{len(about.classes)} {'findings' if about.task == 'multi-label' else 'classes'}"
    )


def _planned(plan: Plan, count: int) -> str:
    shown = plan.recipe.images_per_epoch or count
    text = f"{len(plan.seeds)} × {plan.recipe.epochs} epochs of {shown} images"
    if plan.teacher_seeds:
        text += f", after {len(plan.teacher_seeds)} teachers × {plan.teacher_recipe.epochs} epochs"
    return f"{text}, {plan.threads} threads"
