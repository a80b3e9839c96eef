"""Attacks on the obfuscated level succeed where they must, and fail on what nothing undoes."""

import numpy as np
import pytest

from safelight.lab.jigsaw import jigsaw
from safelight.lab.obfuscation_attacks import known_pairs, trained_reconstruction
from safelight.vault.obfuscation import Obfuscation, new_key


def _images(count: int, seed: int) -> np.ndarray:
    """Smooth pictures of one kind: a few blobs at about the same places, plus texture."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:16, :16] / 16
    pictures = []
    for _ in range(count):
        a, b, c = rng.normal(0, 0.12, 3)
        value = np.exp(-(((x - 0.3 + a) ** 2) + (y - 0.6 + b) ** 2) * 12) + (0.4 + c) * y**2
        value = value + rng.normal(0, 0.02, value.shape)
        pictures.append(np.clip(40 + 120 * value, 0, 255))
    return np.array(pictures).astype(np.uint8)


def test_one_pair_undoes_it() -> None:
    pytest.importorskip("scipy")
    images = _images(30, 0)
    seen = Obfuscation.from_key(new_key(), (16, 16)).apply(images)
    found = known_pairs(images[:1], seen[:1], 4).reconstruct(seen)
    assert (found == images).mean() > 0.99


def test_regression_learns_the_way_back() -> None:
    images = _images(220, 1)
    seen = Obfuscation.from_key(new_key(), (16, 16)).apply(images)
    found = trained_reconstruction(images[:200], seen[:200], seen[200:])
    mean = images[:200].mean(axis=0)
    error = np.abs(found.astype(float) - images[200:]).mean()
    assert error < 0.3 * np.abs(mean - images[200:]).mean()


def test_statistics_alone_place_most_blocks() -> None:
    pytest.importorskip("scipy")
    hidden, public = _images(300, 2), _images(300, 3)
    seen = Obfuscation.from_key(new_key(), (16, 16)).apply(hidden)
    found = jigsaw(seen, public, 4).reconstruct(seen)
    before = np.abs(seen.astype(float) - hidden).mean()
    assert np.abs(found.astype(float) - hidden).mean() < 0.35 * before


def test_nothing_is_recovered_from_noise() -> None:
    # control: the attacks have nothing to hold on to
    rng = np.random.default_rng(4)
    images = _images(60, 4)
    noise = rng.integers(0, 256, images.shape).astype(np.uint8)
    found = known_pairs(images[:8], noise[:8], 4).reconstruct(noise[8:])
    guess = np.abs(images[:8].mean() - images[8:]).mean()
    assert np.abs(found.astype(float) - images[8:]).mean() > guess
