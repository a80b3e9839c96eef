"""A classifier of bytes: it finds what is there, and on noise its interval says so."""

from __future__ import annotations

import numpy as np

from safelight.lab.ciphertext_guess import INDEPENDENT_GUESSES, trained_guess
from safelight.lab.membership import attack_success


def test_a_difference_is_found() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(128) < 64
    table = rng.normal(size=(128, 40)) + labels[:, None] * 0.8
    success = attack_success(
        trained_guess(table, labels), labels, independent=INDEPENDENT_GUESSES, resamples=100
    )
    assert success.auc_low > 0.8


def test_intervals_on_noise_hold_chance_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(128) < 64
    held = 0
    for seed in range(60):
        scores = trained_guess(rng.normal(size=(128, 150)), labels, seed=seed)
        success = attack_success(
            scores, labels, independent=INDEPENDENT_GUESSES, seed=seed, resamples=200
        )
        held += success.auc_low <= 0.5 <= success.auc_high
    assert held >= 54  # 95 % of 60, less two standard deviations
