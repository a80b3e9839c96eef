"""Patients are whole, classes nearly even, the same seed the same split."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import InputError
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.leakage import leakage
from safelight.models.datasets.patient_split import patient_folds, split_by_patient
from safelight.models.datasets.split import Split


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=40, max_size=200))
def test_no_patient_is_in_two_parts(rows: list[tuple[int, int]]) -> None:
    patients = np.array([row[0] for row in rows])
    labels = np.array([row[1] for row in rows])
    if len(np.unique(patients)) < 3:
        return
    parts = split_by_patient(patients, labels, (0.6, 0.2, 0.2), seed=1)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(rows)))
    groups = [set(patients[part].tolist()) for part in parts]
    assert not (groups[0] & groups[1])
    assert not (groups[0] & groups[2])
    assert not (groups[1] & groups[2])


def test_shares_and_classes_come_out() -> None:
    generator = np.random.default_rng(0)
    patients = generator.integers(0, 300, 1000)
    labels = (generator.random(1000) < 0.3).astype(np.int64)
    for part, share in zip(
        split_by_patient(patients, labels, (0.6, 0.2, 0.2)), (0.6, 0.2, 0.2), strict=True
    ):
        assert len(part) == pytest.approx(1000 * share, abs=8)
        assert labels[part].mean() == pytest.approx(labels.mean(), abs=0.02)
    folds = patient_folds(patients, labels, 5)
    assert np.bincount(folds).tolist() == pytest.approx([200] * 5, abs=5)


def test_a_seed_repeats_and_another_differs() -> None:
    patients, labels = np.arange(100), np.arange(100) % 2
    first, again, other = (patient_folds(patients, labels, 5, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_refuses_fewer_patients_than_parts() -> None:
    with pytest.raises(InputError, match="2 patients"):
        patient_folds(np.array([1, 1, 2]), np.array([0, 1, 0]), 3)


def test_leakage_is_counted_by_pixels_and_by_patient() -> None:
    images = np.arange(6 * 4, dtype=np.uint8).reshape(6, 2, 2)
    about = About("any", "binary", ("no", "yes"))

    def split(where: list[int], labels: list[int], patients: list[str]) -> Split:
        return Split(images[where], np.array(labels), np.array(patients))

    report = leakage(
        Dataset(
            "any",
            split([0, 1, 1], [0, 1, 1], ["a", "b", "b"]),
            split([1, 2], [0, 1], ["c", "d"]),
            split([3, 4], [0, 1], ["a", "e"]),
            about,
        )
    )
    assert report.repeats == {"train": 1, "val": 0, "test": 0}
    assert report.shared_inputs == {"train/val": 1, "train/test": 0, "val/test": 0}
    assert report.shared_patients == {"train/val": 0, "train/test": 1, "val/test": 0}
    assert report.contradictions == 3  # one image, once in train twice as 1, in val as 0
    assert not report.clean
    assert "1 val images also occur in train" in report.warnings
