"""Polynomials of activations: near where the data are, completable, never worse than fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.circuit.normal_form import MAX_SQUARE_SHIFT
from safelight.models.importers.activations import ACTIVATIONS
from safelight.models.importers.polynomial_fit import Fit, fit_activation


def fit(kind: str, inputs: np.ndarray, degree: int = 2) -> Fit:
    function = ACTIVATIONS[kind]
    return fit_activation(
        function,
        inputs,
        function(inputs),
        low=inputs.min(axis=0),
        high=inputs.max(axis=0),
        degree=degree,
        margin=0.5,
    )


def value(found: Fit, inputs: np.ndarray) -> np.ndarray:
    points = (inputs - found.centre) / found.half
    powers = points[..., None] ** np.arange(found.coefficients.shape[1])
    return np.sum(powers * found.coefficients, axis=-1)


@pytest.mark.parametrize("kind", sorted(ACTIVATIONS))
def test_higher_degrees_are_nearer(kind: str) -> None:
    inputs = np.random.default_rng(0).normal(size=(2000, 2)) * [1.0, 3.0]
    wanted = ACTIVATIONS[kind](inputs)
    errors = [float(np.std(value(fit(kind, inputs, d), inputs) - wanted)) for d in (2, 4, 6)]
    assert errors[0] >= errors[1] - 1e-6
    assert errors[1] >= errors[2] - 1e-6
    assert errors[2] < 0.3 * np.std(wanted)


@settings(max_examples=60, deadline=None)
@given(
    centre=st.floats(-1e3, 1e3),
    spread=st.floats(1e-6, 1e3),
    kind=st.sampled_from(sorted(ACTIVATIONS)),
)
def test_every_square_can_be_completed(centre: float, spread: float, kind: str) -> None:
    """Also where a channel is always on, always off, or constant: a quadratic costs one level."""
    inputs = centre + spread * np.random.default_rng(1).normal(size=(60, 1))
    found = fit(kind, inputs)
    assert np.isfinite(found.coefficients).all()
    _, linear, square = found.coefficients[0]
    assert square != 0.0
    assert abs(linear / (2 * square)) <= MAX_SQUARE_SHIFT
    points = np.abs(inputs - found.centre) / found.half
    assert points.max() <= 1.0


def test_a_constant_channel_is_kept() -> None:
    found = fit("relu", np.full((50, 1), 2.5))
    np.testing.assert_allclose(value(found, np.full((1, 1), 2.5)), 2.5, rtol=0.05)


def test_an_always_positive_relu_stays_almost_linear() -> None:
    inputs = np.random.default_rng(2).uniform(4.0, 9.0, (500, 1))
    error = value(fit("relu", inputs), inputs) - inputs
    assert np.abs(error).max() < 0.15
