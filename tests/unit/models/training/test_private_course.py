"""Differential privacy: the budget is kept, nothing else of training images goes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("opacus")

from training_data import write_npz  # noqa: E402

from safelight.errors import InputError  # noqa: E402
from safelight.models.datasets import medmnist  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Architecture,
    Dense,
    Network,
)
from safelight.models.training.config_file import config_from  # noqa: E402
from safelight.models.training.course import Recipe  # noqa: E402
from safelight.models.training.pipeline import run_training  # noqa: E402
from safelight.models.training.private_course import (  # noqa: E402
    Budget,
    PrivateCourse,
    budget_of,
)
from safelight.models.training.private_plan import private_material  # noqa: E402
from safelight.models.training.publication import publish  # noqa: E402

RECIPE = Recipe(epochs=3, batch_size=16, augmentation=None, mixup=0.0, label_smoothing=0.0)


def course(folder: Path, recipe: Recipe = RECIPE, **more: object) -> PrivateCourse:
    data = medmnist.load(write_npz(folder / "any.npz", "binary"))
    torch.manual_seed(0)
    network = Network(Architecture((1, 12, 12), (Dense(4),), norm="none"))
    found = private_material(data)
    budget = Budget(4.0, 1e-3)
    return PrivateCourse(network, found, recipe, seed=0, budget=budget, **more)  # type: ignore[arg-type]


def test_the_budget_is_spent_and_not_more(tmp_path: Path) -> None:
    learning = course(tmp_path)
    assert learning.epsilon_spent == 0.0
    learning.run()
    assert 3.5 < learning.epsilon_spent <= 4.0
    assert learning.noise > 0.3


def test_gradients_of_each_image_equal_autograd(tmp_path: Path) -> None:
    learning = course(tmp_path)
    learning.network.eval()
    chosen = torch.arange(3)
    gradients, losses = learning._gradients(chosen)
    material = learning.material
    for index in range(3):
        learning.network.zero_grad()
        batch = material.normalisation(material.images[index : index + 1].float() / 255)
        targets = material.objective.targets(material.labels[index : index + 1], 0.0)
        loss = material.objective.loss(learning.network(batch), targets)
        loss.backward()
        assert float(losses[index]) == pytest.approx(float(loss.detach()), rel=1e-4)
        for name, parameter in learning.network.named_parameters():
            assert torch.allclose(gradients[name][index], parameter.grad, atol=1e-5)


def test_a_killed_private_run_continues_to_the_same(tmp_path: Path) -> None:
    whole = course(tmp_path)
    whole.run()

    class KilledError(Exception):
        pass

    def kill(epoch: int, *_: object) -> None:
        if epoch == 2:
            raise KilledError

    path = tmp_path / "run.pt"
    with pytest.raises(KilledError):
        course(tmp_path, checkpoint=path).run(kill)
    continued = course(tmp_path, checkpoint=path)
    continued.run()
    mine, theirs = whole.average.state_dict(), continued.average.state_dict()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert continued.epsilon_spent == whole.epsilon_spent


@pytest.mark.parametrize(("epsilon", "delta"), [(0.0, 0.0), (float("inf"), 0.0), (1.0, 0.5)])
def test_budgets_that_promise_nothing(epsilon: float, delta: float) -> None:
    with pytest.raises(InputError, match="promise nothing"):
        budget_of(epsilon, delta, 100)


def test_the_whole_run_states_its_budget(tmp_path: Path) -> None:
    path = write_npz(tmp_path / "any.npz", "binary")
    config = config_from(
        {
            "data": {"path": str(path), "licence": "CC0", "attribution": "a test"},
            "network": {"kind": "logistic"},
            "training": {"minutes": 0, "epochs": 2, "threads": 1, "dp_epsilon": 2.0},
        }
    )
    done = run_training(config, tmp_path / "out")
    assert done.privacy is not None
    assert done.privacy.epsilon <= 2.0
    assert done.material.normalisation.mean == (0.5,)
    assert done.material.objective.weights.tolist() == [1.0, 1.0]
    published = publish(done, tmp_path / "out", "x")
    assert published.model.description["training"]["privacy"]["epsilon"] <= 2.0
    assert "differential privacy: ε = " in published.model.card
    assert "batch norm" not in published.model.card


def test_nothing_depends_on_training_images_but_the_weights(tmp_path: Path) -> None:
    data = medmnist.load(write_npz(tmp_path / "any.npz", "binary"))
    other = replace(data, train=data.train.where(np.arange(1, len(data.train))))
    one, two = private_material(data), private_material(other)
    assert one.normalisation == two.normalisation
    assert torch.equal(one.objective.weights, two.objective.weights)
