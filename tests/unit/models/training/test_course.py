"""Courses of every task: they learn, repeat from a seed, continue after a kill, refuse nonsense."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training_data import arrays  # noqa: E402

from safelight.errors import InputError  # noqa: E402
from safelight.models.datasets.dataset import About  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Architecture,
    Convolution,
    Network,
)
from safelight.models.training.course import (  # noqa: E402
    Course,
    Material,
    Recipe,
    one_cycle,
    predict,
    steps_per_epoch,
)
from safelight.models.training.objective import Objective  # noqa: E402
from safelight.models.training.pixels import Normalisation, pixels  # noqa: E402

RECIPE = Recipe(epochs=4, batch_size=32, average_decay=0.8)
CLASSES = {"binary": 2, "multi-class": 4, "ordinal": 4, "multi-label": 3}


def material(task: str, *, channels: int = 1) -> Material:
    images, labels = arrays(task, channels=channels)
    val, val_labels = arrays(task, 48, channels=channels, seed=9)
    if task != "multi-label":
        labels, val_labels = labels[:, 0], val_labels[:, 0]
    about = About("any", task, tuple(f"c{k}" for k in range(CLASSES[task])))  # type: ignore[arg-type]
    given = labels.astype(np.int64)
    return Material(
        pixels(images), torch.from_numpy(given), pixels(val),
        torch.from_numpy(val_labels.astype(np.int64)), Normalisation.of(images),
        Objective.of(about, given),
    )  # fmt: skip


def course(found: Material, recipe: Recipe = RECIPE, *, seed: int = 0, **more: object) -> Course:
    torch.manual_seed(seed)
    shape = tuple(found.images.shape[1:])
    architecture = Architecture(
        shape, (Convolution(6, 3, 2, 1), Convolution(12, 3, 2, 1)),
        found.objective.about.logits, dropout=0.1,
    )  # fmt: skip
    return Course(Network(architecture), found, recipe, seed=seed, **more)  # type: ignore[arg-type]


def uniform(batch: torch.Tensor) -> torch.Tensor:
    """A teacher that knows nothing."""
    return torch.full((len(batch), 4), 0.25)


@pytest.mark.parametrize("task", list(CLASSES))
@pytest.mark.parametrize("channels", [1, 3])
def test_it_learns_every_task(task: str, channels: int) -> None:
    found = material(task, channels=channels)
    learning = course(found, replace(RECIPE, epochs=25, augmentation=None))
    progress = learning.run()
    assert progress.best_auc > 0.9
    logits = predict(learning.average, found.val_images, found.normalisation)
    assert logits.shape == (48, found.objective.about.logits)


def test_a_killed_run_ends_as_it_would_have_ended(tmp_path: Path) -> None:
    found = material("multi-class")

    def end(learning: Course) -> dict[str, torch.Tensor]:
        learning.run()
        return learning.average.state_dict()

    whole = end(course(found, teacher=uniform))
    path = tmp_path / "run.pt"

    class KilledError(Exception):
        pass

    def kill(epoch: int, *_: object) -> None:
        if epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        course(found, checkpoint=path, teacher=uniform).run(kill)
    continued = course(found, checkpoint=path, teacher=uniform)
    assert continued.progress.epoch == 2
    again = end(continued)
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_another_seed_differs() -> None:
    found = material("binary")
    first, other = course(found, seed=0), course(found, seed=1)
    first.run()
    other.run()
    images, normalisation = found.val_images, found.normalisation
    assert not np.array_equal(
        predict(first.average, images, normalisation), predict(other.average, images, normalisation)
    )


def test_checkpoints_of_something_else(tmp_path: Path) -> None:
    found, path = material("binary"), tmp_path / "run.pt"
    course(found, replace(RECIPE, epochs=1), checkpoint=path).run()
    with pytest.raises(InputError, match="another network"):
        course(material("multi-class"), checkpoint=path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InputError, match="damaged"):
        course(found, checkpoint=path)
    assert [each.name for each in tmp_path.iterdir()] == ["run.pt"]


def test_too_little_time_ends_the_schedule_early_and_whole() -> None:
    learning = course(material("binary"), replace(RECIPE, epochs=50))
    progress = learning.run(seconds=1e-9)
    assert progress.epochs == progress.epoch == 2
    assert progress.done == pytest.approx(1.0)


def test_patience_stops() -> None:
    learning = course(material("binary"), replace(RECIPE, epochs=60, patience=3, augmentation=None))
    progress = learning.run()
    assert progress.epoch < 60
    assert progress.epoch - progress.improved_epoch == 3


def test_a_loss_that_explodes() -> None:
    with pytest.raises(InputError, match="not a number after epoch 1"):
        course(material("binary"), replace(RECIPE, range_penalty=float("nan"))).run()
    with pytest.raises(InputError, match=r"not (a number|numbers) after epoch"):
        course(material("binary"), replace(RECIPE, learning_rate=1e30)).run()


def test_schedule_and_steps() -> None:
    assert one_cycle(0.0) == pytest.approx(0.04)
    assert one_cycle(0.1) == pytest.approx(1.0)
    assert one_cycle(1.0) == pytest.approx(0.0)
    assert steps_per_epoch(RECIPE, 65) == 2  # a batch of one is left out
    assert steps_per_epoch(RECIPE, 66) == 3
    assert steps_per_epoch(replace(RECIPE, images_per_epoch=32), 66) == 1


def test_classes_weigh_alike_or_halfway() -> None:
    labels = np.repeat([0, 1], [75, 25])
    binary = Objective.of(About("any", "binary", ("no", "yes")), labels)
    assert (binary.weights * torch.tensor([75.0, 25.0])).tolist() == pytest.approx([50, 50])
    several = Objective.of(About("any", "multi-class", ("a", "b", "c")), labels)
    assert several.weights[1] / several.weights[0] == pytest.approx(3**0.5)
    assert several.weights[2] == 0


def test_targets() -> None:
    labels = torch.tensor([0, 2])
    grades = Objective.of(About("any", "ordinal", ("a", "b", "c")), np.array([0, 1, 2]))
    assert grades.targets(labels, 0.1).tolist() == pytest.approx(
        [pytest.approx([0.9, 0.1, 0.0]), pytest.approx([0.0, 0.1, 0.9])]
    )
    breast = Objective.of(
        About("any", "binary", ("sick", "well"), positive="sick"), np.array([0, 1])
    )
    assert breast.targets(torch.tensor([0, 1]), 0.0).tolist() == [[1.0], [0.0]]
    assert breast.auc(np.array([0, 1]), np.array([[2.0], [-2.0]])) == 1.0


def test_auc_leaves_out_classes_that_do_not_occur() -> None:
    several = Objective.of(About("any", "multi-class", ("a", "b", "c")), np.array([0, 1, 2]))
    logits = np.array([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [3.0, 0.0, 0.0]])
    assert several.auc(np.array([0, 1, 0]), logits) == 1.0
