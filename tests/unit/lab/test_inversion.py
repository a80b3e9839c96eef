"""Model inversion on models whose answer is known."""

import numpy as np
import pytest

from safelight.lab.inversion import (
    Prior,
    dense_gradient,
    gradient_inversion,
    trained_inversion,
    white_box_inversion,
)


def _images(count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    basis = np.random.default_rng(9).normal(0, 1, (6, 40))
    return 3 + rng.normal(0, 1, (count, 6)) @ basis


def test_linear_answers_of_full_rank_are_inverted() -> None:
    public, target = _images(300, 0), _images(1, 1)[0]
    weights = np.random.default_rng(2).normal(0, 1, (40, 10))
    found = white_box_inversion(
        lambda x: x @ weights, target @ weights, Prior.of(public, 6), noise=1e-3
    )
    assert np.abs(found - target).max() < 0.01


def test_one_number_gives_the_most_probable_image_that_explains_it() -> None:
    public = _images(2000, 0)
    weights = np.random.default_rng(3).normal(0, 1, (40, 1))
    target = _images(1, 4)[0]
    prior = Prior.of(public, 6)
    found = white_box_inversion(lambda x: x @ weights, target @ weights, prior, noise=1e-3)
    assert found @ weights[:, 0] == pytest.approx(float(target @ weights[:, 0]), abs=0.01)
    # a projection in the prior's own coordinates: never farther than the mean
    z = [(prior.directions @ (x - prior.mean)) / prior.spread for x in (found, target)]
    assert ((z[0] - z[1]) ** 2).sum() <= (z[1] ** 2).sum() + 1e-3


def test_a_gradient_of_one_record_is_the_record() -> None:
    image = _images(1, 5)
    gradient = dense_gradient(image, np.random.default_rng(0))
    assert gradient_inversion(gradient) == pytest.approx(image[0], abs=1e-9)
    batch = _images(4, 6)
    mixed = gradient_inversion(dense_gradient(batch, np.random.default_rng(0)))
    assert np.abs(mixed - batch).max(axis=1).min() > 0.1  # a mixture, none of them


def test_trained_inversion_learns_a_way_back_and_nothing_from_noise() -> None:
    public, targets = _images(400, 7), _images(20, 8)
    weights = np.random.default_rng(1).normal(0, 1, (40, 12))
    found = trained_inversion(public @ weights, public, targets @ weights)
    guess = ((public.mean(axis=0) - targets) ** 2).mean()
    assert ((found - targets) ** 2).mean() < 0.05 * guess
    noise = np.random.default_rng(2).normal(0, 1, (420, 12))
    found = trained_inversion(noise[:400], public, noise[400:])
    assert ((found - targets) ** 2).mean() > 0.8 * guess
