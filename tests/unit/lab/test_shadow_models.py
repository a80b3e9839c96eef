"""Networks for attacks: halves are halves, learning by heart works, noise is for all the same."""

import numpy as np
import pytest

from safelight.lab.shadow_models import Lesson, random_halves, train_halves

pytest.importorskip("torch")


def test_every_model_has_half_of_the_records() -> None:
    inside = random_halves(10, 37, seed=3)
    assert (inside.sum(axis=1) == 18).all()
    assert (inside == random_halves(10, 37, seed=3)).all()


def test_networks_learn_their_own_noisy_labels_by_heart() -> None:
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(0, 1, (120, 200)), rng.integers(0, 2, 120)
    lesson = Lesson(epochs=30, decay=0.0, label_noise=1.0)
    found = train_halves(inputs, labels, random_halves(6, 120, 0), lesson, seed=1)
    assert found.accuracy_inside > 0.95
    assert found.accuracy_outside < 0.65
    assert found.probabilities.shape == (6, 120)
    again = train_halves(inputs, labels, random_halves(6, 120, 0), lesson, seed=1)
    assert np.allclose(found.probabilities, again.probabilities)
