"""How the time is spent: epochs, seeds and teachers from the measured time of a step.

Where the person fixed the epochs no clock decides anything, and the same plan comes out on every
machine. The plan is made once and written down; a run that is continued uses it as it stands, so
that it ends as it would have ended.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from safelight.models.training.architectures import Architecture, Network
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.config import TrainingConfig
from safelight.models.training.course import Course, Material, Recipe, steps_per_epoch
from safelight.models.training.pixels import brightness
from safelight.models.training.teacher import Teacher

DISTILLED_UP_TO = 20_000
"""Training images from which on time is better spent on the student than on a teacher."""
TEACHER_SHARE = 0.35
MOST_STEPS = 9000
"""Of one student: beyond it validation hardly moves on sets of thousands of images."""
MOST_EPOCHS = 400
LEAST_EPOCHS = 4
"""Of a student under a clock, and of a teacher that is worth having."""
TEACHER_EPOCHS = 0.4
"""Of a student's epochs: a residual ReLU network gets as far in fewer."""
SEEDS = (0, 1, 2)
"""Students where time is no object; under a clock as many of them as get enough steps."""
_LEAST_STEPS_A_SEED = 4500
_MEASURED_STEPS = 6
_SPARE = 0.92  # of the time: evaluations, copies of weights, a busy machine


@dataclass(frozen=True)
class Plan:
    """What is trained.

    Args:
        recipe: Of each student.
        seeds: One student each.
        teacher_recipe: Of each member of the teacher.
        teacher_seeds: One member each; none for no teacher.
        student_seconds: Time for each student; infinite without a limit.
        teacher_seconds: Time for each member.
        threads: Of PyTorch.
    """

    recipe: Recipe
    seeds: tuple[int, ...]
    teacher_recipe: Recipe
    teacher_seeds: tuple[int, ...]
    student_seconds: float
    teacher_seconds: float
    threads: int

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """Reads `to_json`'s form."""
        return cls(
            _recipe(data["recipe"]), tuple(data["seeds"]), _recipe(data["teacher_recipe"]),
            tuple(data["teacher_seeds"]), data["student_seconds"], data["teacher_seconds"],
            data["threads"],
        )  # fmt: skip


def _recipe(data: dict[str, Any]) -> Recipe:
    changes = data["augmentation"]
    augmentation = None if changes is None else Augmentation(**changes)
    return Recipe(**{**data, "augmentation": augmentation})


def default_threads() -> int:
    """Cores that this process may use, at most 8: more gain nothing on such small networks."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(8, allowed or 1)


def total_seconds(config: TrainingConfig) -> float:
    """For all of a run; infinite where the epochs are fixed: then no clock decides anything."""
    return config.minutes * 60 if config.minutes > 0 and not config.epochs else math.inf


def make_plan(
    architecture: Architecture,
    material: Material,
    config: TrainingConfig,
    augmentation: Augmentation,
    seconds: float,
) -> Plan:
    """Divides ``seconds`` of wall-clock time between teachers and students.

    Args:
        architecture: Of the student.
        material: Data and task.
        config: What the person has fixed. With ``epochs`` nothing is measured: a teacher has
            `TEACHER_EPOCHS` of them, and there is none where these are fewer than `LEAST_EPOCHS`.
        augmentation: Changes to images.
        seconds: What is left for training where ``epochs`` are not fixed.
    """
    count = len(material.images)
    large = count > DISTILLED_UP_TO
    batch = config.batch_size or (128 if large else 64)
    mixup = config.mixup if config.mixup >= 0 else (0.0 if large else 0.2)
    base = Recipe(
        epochs=1, batch_size=min(batch, max(2, count)), learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        label_smoothing=0.0 if large else config.label_smoothing, mixup=mixup,
        range_penalty=config.range_penalty, teacher_weight=config.teacher_weight,
        patience=config.patience, augmentation=augmentation,
    )  # fmt: skip
    steps = steps_per_epoch(base, count)
    teachers = config.teachers if config.teachers >= 0 else (0 if large else 2)
    if material.images.dim() != 4 or not architecture.hidden:
        teachers = 0
    if config.epochs:
        return _plan_of_epochs(base, config, teachers, steps)
    student_s = seconds_per_step(Network(architecture), material, base)
    teacher_share = 0.0
    teacher_epochs = config.teacher_epochs
    if teachers:
        teacher = make_teacher(material)
        teacher_s = seconds_per_step(teacher, material, _taught(base))
        student_s += teachers * _answer_seconds(teacher, material, base)
        affordable = TEACHER_SHARE * seconds * _SPARE / (teachers * steps * teacher_s)
        wanted = _epochs(MOST_STEPS * TEACHER_EPOCHS, steps)
        teacher_epochs = teacher_epochs or max(2, int(min(wanted, affordable)))
        if teacher_epochs < LEAST_EPOCHS and config.teachers < 0:
            teachers, teacher_epochs = 0, 0
        else:
            teacher_share = min(teachers * teacher_epochs * steps * teacher_s, seconds)
    left = (seconds - teacher_share) * _SPARE
    seeds = config.seeds or _seeds(left, student_s, steps)
    wanted = _epochs(MOST_STEPS, steps)
    affordable = left / len(seeds) / (steps * student_s)
    images_per_epoch = 0
    if affordable < LEAST_EPOCHS:
        # epochs of a part of the images, so that there is something to judge and to continue
        images_per_epoch = max(batch, int(count * affordable / LEAST_EPOCHS))
        affordable = LEAST_EPOCHS
    epochs = max(1, int(min(wanted, affordable)))
    return Plan(
        recipe=replace(_lasting(base, epochs, steps), images_per_epoch=images_per_epoch),
        seeds=tuple(seeds),
        teacher_recipe=_lasting(_taught(base), max(teacher_epochs, 1), steps),
        teacher_seeds=_teacher_seeds(teachers),
        student_seconds=left / len(seeds),
        teacher_seconds=teacher_share / max(teachers, 1),
        threads=torch.get_num_threads(),
    )


def _plan_of_epochs(base: Recipe, config: TrainingConfig, teachers: int, steps: int) -> Plan:
    """Without a clock."""
    teacher_epochs = config.teacher_epochs
    if teachers and not teacher_epochs:
        most = _epochs(MOST_STEPS * TEACHER_EPOCHS, steps)
        teacher_epochs = max(1, min(most, round(TEACHER_EPOCHS * config.epochs)))
        if teacher_epochs < LEAST_EPOCHS and config.teachers < 0:
            teachers, teacher_epochs = 0, 0
    return Plan(
        recipe=_lasting(base, config.epochs, steps),
        seeds=config.seeds or SEEDS,
        teacher_recipe=_lasting(_taught(base), max(teacher_epochs, 1), steps),
        teacher_seeds=_teacher_seeds(teachers),
        student_seconds=math.inf,
        teacher_seconds=math.inf,
        threads=torch.get_num_threads(),
    )


def _lasting(recipe: Recipe, epochs: int, steps: int) -> Recipe:
    """The same over so many epochs of so many steps."""
    return replace(recipe, epochs=epochs, average_decay=_average_decay(epochs * steps))


def _teacher_seeds(count: int) -> tuple[int, ...]:
    return tuple(100 + k for k in range(count))


def _taught(base: Recipe) -> Recipe:
    """A teacher's, whose activations need no range."""
    return replace(base, learning_rate=3e-3, range_penalty=0.0)


def make_teacher(material: Material) -> Teacher:
    """A residual ReLU network for this task."""
    logits = material.objective.about.logits
    return Teacher(material.images.shape[1], 24, logits)


def seconds_per_step(network: torch.nn.Module, material: Material, recipe: Recipe) -> float:
    """Wall-clock time of a step, the median of a few; of a copy that is thrown away."""
    course = Course(network, material, recipe, seed=0)
    network.train()
    chosen = torch.arange(min(recipe.batch_size, len(material.images)))
    times = []
    for _ in range(_MEASURED_STEPS):
        start = time.monotonic()
        course.step(chosen)
        times.append(time.monotonic() - start)
    return sorted(times)[len(times) // 2]


def _answer_seconds(teacher: torch.nn.Module, material: Material, recipe: Recipe) -> float:
    batch = material.normalisation(brightness(material.images[: recipe.batch_size]))
    teacher.eval()
    times = []
    with torch.no_grad():
        for _ in range(_MEASURED_STEPS):
            start = time.monotonic()
            teacher(batch)
            times.append(time.monotonic() - start)
    return sorted(times)[len(times) // 2]


def _seeds(seconds: float, step_seconds: float, steps: int) -> tuple[int, ...]:
    """Up to three students, as long as each gets enough steps."""
    affordable = seconds / step_seconds if step_seconds else float("inf")
    enough = min(_LEAST_STEPS_A_SEED * 1.0, steps * 60.0)
    count = 3 if affordable >= 3 * enough else 2 if affordable >= 2 * enough else 1
    return SEEDS[: count if steps * LEAST_EPOCHS * count <= affordable else 1]


def _epochs(most_steps: float, steps: int) -> int:
    return max(LEAST_EPOCHS, min(MOST_EPOCHS, round(most_steps / steps)))


def _average_decay(steps: int) -> float:
    """Of an average over about a twentieth of the run, 10 to 500 steps."""
    return 1 - 1 / min(500.0, max(10.0, steps / 20))
