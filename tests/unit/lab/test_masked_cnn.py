"""The Masked-CNN learns on obfuscated images, not on ciphertext, and is kept in a plain file."""

import os
from pathlib import Path

import numpy as np
import pytest

from safelight.errors import InputError
from safelight.lab.masked_run import grey_bytes
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.split import Split
from safelight.models.metrics import auc
from safelight.vault.obfuscation import Obfuscation, new_key

masked_cnn = pytest.importorskip("safelight.models.training.masked_cnn", exc_type=ImportError)
MASKING = masked_cnn.Masking(epochs=8, dropout=0.0)


def _images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A bright spot in the upper or the lower half."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.normal(100, 15, (count, 16, 16))
    for image, label, column in zip(images, labels, rng.integers(0, 12, count), strict=True):
        image[10 * label : 10 * label + 4, column : column + 4] += 70
    return np.clip(images, 0, 255).astype(np.uint8), labels


def test_it_learns_on_obfuscated_images_and_survives_its_file(tmp_path: Path) -> None:
    train, validation, test = (_images(n, s) for n, s in ((600, 0), (100, 1), (200, 2)))
    hide = Obfuscation.from_key(new_key(), (16, 16)).apply
    trained = masked_cnn.train_masked_cnn(
        hide(train[0]), train[1], (hide(validation[0]), validation[1]), masking=MASKING
    )
    scores = trained.probabilities(hide(test[0]))
    assert auc(test[1], scores) > 0.9
    masked_cnn.save_masked_cnn(trained, tmp_path / "network.npz")
    again = masked_cnn.load_masked_cnn(tmp_path / "network.npz")
    assert np.array_equal(again.probabilities(hide(test[0])), scores)


def test_noise_in_place_of_images_teaches_nothing() -> None:
    train, test = _images(600, 0), _images(400, 2)
    noise = [
        np.frombuffer(os.urandom(each.size), np.uint8).reshape(each.shape)
        for each in (train[0], test[0], test[0])
    ]
    trained = masked_cnn.train_masked_cnn(
        noise[0], train[1], (noise[1], test[1]), masking=masked_cnn.Masking(epochs=3)
    )
    # five standard deviations around chance: the epoch was chosen on other noise
    assert abs(auc(test[1], trained.probabilities(noise[2])) - 0.5) < 5 * 0.029


def test_arrays_that_are_no_images_are_refused_and_wide_values_are_scaled() -> None:
    about = About("rows", "binary", ("no", "yes"))
    rows = Split(np.zeros((4, 30)), np.zeros(4, np.int64))
    with pytest.raises(InputError, match="not greyscale images"):
        grey_bytes(Dataset("rows", rows, rows, rows, about), "test")
    values = np.random.default_rng(0).normal(0, 500, (4, 18, 17)).astype(np.int16)
    scans = Split(values, np.zeros(4, np.int64))
    grey = grey_bytes(Dataset("scans", scans, scans, scans, about), "test")
    assert grey.shape == (4, 16, 16)
    assert grey.min() == 0
    assert grey.max() == 255
