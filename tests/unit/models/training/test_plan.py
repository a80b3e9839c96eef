"""What a clock decides of a training, and that it decides nothing where the epochs are given."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from test_course import material  # noqa: E402
from training_data import Lines, write_npz  # noqa: E402

from safelight.models.training import course, pipeline, plan, unknown_kind  # noqa: E402
from safelight.models.training.architectures import Architecture, Convolution  # noqa: E402
from safelight.models.training.augmentation import Augmentation  # noqa: E402
from safelight.models.training.config import TrainingConfig  # noqa: E402
from safelight.models.training.config_file import config_from  # noqa: E402
from safelight.models.training.plan import LEAST_EPOCHS, Plan, make_plan  # noqa: E402
from safelight.models.training.publication import publish  # noqa: E402

STEPS = 2
"""Of an epoch of 96 images."""


def let_time_pass(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Every look at the clock takes so long."""
    for module in (course, pipeline, plan):
        clock = itertools.count(0.0, seconds)
        fake = SimpleNamespace(monotonic=lambda clock=clock: next(clock))
        monkeypatch.setattr(module, "time", fake)


def planned(seconds: float = 600.0, **training: Any) -> Plan:
    found = material("binary")
    shape = tuple(found.images.shape[1:])
    architecture = Architecture(shape, (Convolution(4, 3, 2, 1),), 1)
    return make_plan(architecture, found, TrainingConfig(**training), Augmentation(), seconds)


@pytest.mark.parametrize(
    ("epochs", "teachers", "teacher_epochs"), [(1, 0, 1), (9, 2, 4), (60, 2, 24), (10**6, 2, 400)]
)
def test_given_epochs_are_kept_and_the_teachers_follow_from_them(
    epochs: int, teachers: int, teacher_epochs: int
) -> None:
    found = planned(0.001, epochs=epochs)
    assert found.recipe.epochs == epochs
    assert found.recipe.images_per_epoch == 0
    assert (len(found.teacher_seeds), found.teacher_recipe.epochs) == (teachers, teacher_epochs)
    assert found.seeds == (0, 1, 2)
    assert math.isinf(found.student_seconds)
    assert math.isinf(found.teacher_seconds)


def test_teachers_that_were_asked_for_are_had() -> None:
    found = planned(epochs=1, teachers=1)
    assert (len(found.teacher_seeds), found.teacher_recipe.epochs) == (1, 1)
    found = planned(epochs=1, teachers=1, teacher_epochs=7, seeds=(5,))
    assert (found.teacher_recipe.epochs, found.seeds) == (7, (5,))


def test_under_a_clock_the_time_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    let_time_pass(monkeypatch, 0.01)
    found = planned(30.0)
    # 35 of 100 for two teachers, a hundredth of a second a step
    assert len(found.teacher_seeds) == 2
    assert found.teacher_recipe.epochs == int(0.35 * 30.0 * 0.92 / (2 * STEPS * 0.01))
    assert found.student_seconds < 0.65 * 30.0
    let_time_pass(monkeypatch, 1.0)
    short = planned(4.0)
    assert short.teacher_seeds == ()
    assert short.recipe.epochs == LEAST_EPOCHS
    assert 0 < short.recipe.images_per_epoch < 96


def train(path: Path, out: Path, **training: Any) -> tuple[dict[str, bytes], str]:
    """The files of the model and what was said."""
    network = {"kind": "layers", "layers": [{"conv": 4, "kernel": 3, "stride": 2}]}
    training = {"threads": 1, "batch_size": 32, "teachers": 1, **training}
    config = config_from({"data": {"path": str(path)}, "network": network, "training": training})
    lines = Lines()
    publish(pipeline.run_training(config, out, lines), out, "safelight train any.npz")
    files = {each.name: each.read_bytes() for each in out.iterdir() if each.is_file()}
    return files, "\n".join(lines.said)


def test_given_epochs_and_seeds_give_the_same_bytes_at_any_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    monkeypatch.setattr(unknown_kind, "_MOST_STEPS", 8)
    monkeypatch.setattr(unknown_kind, "_LEAST_STEPS", 4)
    found = []
    for name, step_s in (("fast", 1e-6), ("slow", 10.0)):
        let_time_pass(monkeypatch, step_s)
        files, said = train(path, tmp_path / name, minutes=0.01, epochs=5, seeds=[0])
        assert "planned" not in said
        assert "1 × 5 epochs of 96 images, after 1 teachers × 2 epochs" in said
        found.append(files)
    assert found[0] == found[1]
    assert set(found[0]) >= {"model.json", "card.md"}


def test_what_a_clock_shortens_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    monkeypatch.setattr(unknown_kind, "_MOST_STEPS", 8)
    monkeypatch.setattr(unknown_kind, "_LEAST_STEPS", 4)
    let_time_pass(monkeypatch, 0.01)
    clock = itertools.count(0.0, 100.0)  # from the first epoch on
    monkeypatch.setattr(course, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    _, said = train(path, tmp_path / "out", minutes=0.1, seeds=[0], teachers=0)
    assert "seed 0: 2 epochs, not the" in said
