"""Wisconsin Diagnostic Breast Cancer: 569 patients, 30 features of cell nuclei each.

Class 1 is malignant here; scikit-learn numbers the classes the other way round.

**Source**: Wolberg, Mangasarian, Street, Street 1995, UCI Machine Learning Repository,
doi:10.24432/C5DW2B, CC BY 4.0.
"""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np

from safelight.errors import InputError, RecordError
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.patient_split import split_by_patient
from safelight.models.datasets.split import Split

FEATURE_COUNT = 30
CLASSES = ("benign", "malignant")
LABEL_COLUMN = "malignant"
HELD_OUT_COUNT = 114
ABOUT = About(
    title="Wisconsin Diagnostic Breast Cancer (UCI)",
    task="binary",
    classes=CLASSES,
    licence="CC BY 4.0",
    attribution="Wolberg, Mangasarian, Street, Street 1995, UCI Machine Learning Repository",
    source="https://doi.org/10.24432/C5DW2B",
    kind="record",
)


def load() -> tuple[Split, Split, tuple[str, ...]]:
    """Training patients (455), held-out patients (114) and the names of the features.

    The split is that of the published two-party study: scikit-learn's ``train_test_split`` with
    ``test_size=0.2, random_state=42``, not stratified.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_breast_cancer
        from sklearn.model_selection import train_test_split
    except ImportError as exc:
        raise InputError(
            "the whole WDBC data set comes with scikit-learn, which is not installed",
            hint="pip install 'safelight[data]'",
        ) from exc
    data = load_breast_cancer()
    records = np.asarray(data.data, dtype=np.float64)
    labels = 1 - np.asarray(data.target, dtype=np.int64)
    names = tuple(str(name) for name in data.feature_names)
    parts = train_test_split(records, labels, test_size=0.2, random_state=42)
    return Split(parts[0], parts[2]), Split(parts[1], parts[3]), names


def dataset(*, seed: int = 0) -> Dataset:
    """The same for training: a tenth of the 455 training patients validates.

    Args:
        seed: Of their choice.

    Raises:
        InputError: scikit-learn is not installed.
    """
    learn, held_out, names = load()
    each = np.arange(len(learn))  # one record a patient
    train, val = split_by_patient(each, learn.labels, (0.9, 0.1), seed=seed)
    about = replace(ABOUT, features=names)
    return Dataset("wdbc", learn.where(train), learn.where(val), held_out, about)


def load_held_out(path: Path | None = None) -> tuple[Split, tuple[str, ...]]:
    """The 114 held-out patients from a CSV file, without scikit-learn, and the feature names.

    Args:
        path: A file as `write_held_out` makes it; the shipped one where not given.

    Raises:
        RecordError: Not such a file.
    """
    source = path or Path(__file__).parent.parent / "shipped" / "wdbc-logistic" / "held_out.csv"
    try:
        with source.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        table = np.array(rows, dtype=np.float64)
    except (OSError, ValueError) as exc:
        raise RecordError(f"{source.name} is not a table of WDBC records") from exc
    if table.ndim != 2 or table.shape[1] != FEATURE_COUNT + 1 or header[-1] != LABEL_COLUMN:
        raise RecordError(
            f"{source.name} does not have {FEATURE_COUNT} features and a column {LABEL_COLUMN!r}"
        )
    if not np.isfinite(table).all() or not np.isin(table[:, -1], (0, 1)).all():
        raise RecordError(f"{source.name} has values that are not numbers, or labels not 0 or 1")
    return Split(table[:, :-1], table[:, -1].astype(np.int64)), tuple(header[:-1])


def write_held_out(path: Path) -> None:
    """Writes the 114 held-out patients as CSV, features first, exact to the last bit."""
    _, held_out, names = load()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*names, LABEL_COLUMN])
        for record, label in zip(held_out.inputs.tolist(), held_out.labels.tolist(), strict=True):
            writer.writerow([*(repr(value) for value in record), label])
