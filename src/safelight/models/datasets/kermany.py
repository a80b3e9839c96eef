"""Kermany's chest radiographs of children: the folder layout, and the listed copy with patients.

``ROOT/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg``; beside it, if there, ``labels.csv`` with
columns path, split, label, patient. Without it patients are read from the files' names.

Patients are numbered for each class on its own upstream, perhaps for each folder too; the number
and the class together are taken for a patient here. The official validation split holds 16
images, so validation is carved out of training, by patient.

**Source**: Kermany, Zhang, Goldbaum 2018, Mendeley Data rscbjbr9sj.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.patient_split import split_by_patient
from safelight.models.datasets.pictures import Watch, grey_squares
from safelight.models.datasets.split import Split

ABOUT = About(
    title="Chest X-Ray Images (Pneumonia)",
    task="binary",
    classes=("normal", "pneumonia"),
    licence="CC BY 4.0",
    attribution="Kermany, Zhang, Goldbaum 2018",
    source="https://data.mendeley.com/datasets/rscbjbr9sj/2",
    kind="chest-xray",
)
VAL_SHARE = 0.1
_CLASSES = ("NORMAL", "PNEUMONIA")
_SUFFIXES = (".jpeg", ".jpg", ".png")
_PATIENT = re.compile(r"(person\d+|(?:NORMAL2-)?IM-\d+)")


@dataclass(frozen=True)
class _Listed:
    path: Path
    split: str
    label: int
    patient: str


def load(root: Path, *, size: int = 64, seed: int = 0, watch: Watch | None = None) -> Dataset:
    """Reads the set; validation is a tenth of the training patients.

    Args:
        root: The folder.
        size: Side of the squares that images are reduced to.
        seed: Of the choice of validation patients.
        watch: For progress.

    Raises:
        InputError: No such folder, not its layout, or an image that cannot be read.
    """
    listed = _from_csv(root) if (root / "labels.csv").is_file() else _from_folders(root)
    images = grey_squares([each.path for each in listed], size, watch)
    labels = np.array([each.label for each in listed], dtype=np.int64)
    patients = np.array([each.patient for each in listed])
    official = np.array([each.split for each in listed])
    everything = Split(images, labels, patients)
    learn = np.flatnonzero((official == "train") | (official == "val"))
    train, val = split_by_patient(
        patients[learn], labels[learn], (1 - VAL_SHARE, VAL_SHARE), seed=seed
    )
    return Dataset(
        f"kermany-{size}",
        everything.where(learn[train]),
        everything.where(learn[val]),
        everything.where(official == "test"),
        ABOUT,
    )


def subtypes(root: Path) -> NDArray[np.str_]:
    """For each row of ``labels.csv`` in its order: ``bacteria``, ``virus`` or nothing."""
    with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
        return np.array([row.get("subtype", "") for row in csv.DictReader(file)])


def _from_csv(root: Path) -> list[_Listed]:
    try:
        with (root / "labels.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = [
            _Listed(
                root / row["path"],
                row["split"],
                _CLASSES.index(row["label"]),
                f"{row['label']}/{row['patient']}",
            )
            for row in rows
        ]
    except (OSError, KeyError, ValueError) as exc:
        raise InputError(
            "labels.csv of the Kermany folder is not in its layout",
            hint="it needs the columns path, split, label (NORMAL or PNEUMONIA), patient",
        ) from exc
    return _checked(found)


def _from_folders(root: Path) -> list[_Listed]:
    found = []
    for split in ("train", "val", "test"):
        for label, name in enumerate(_CLASSES):
            folder = root / split / name
            if not folder.is_dir():
                continue
            for path in sorted(folder.iterdir()):
                if path.suffix.lower() in _SUFFIXES:
                    matched = _PATIENT.match(path.stem)
                    patient = matched.group(1) if matched else path.stem
                    found.append(_Listed(path, split, label, f"{name}/{patient}"))
    return _checked(found)


def _checked(found: list[_Listed]) -> list[_Listed]:
    groups = {(each.split, each.label) for each in found}
    missing = [
        f"{split}/{name}"
        for split in ("train", "test")
        for label, name in enumerate(_CLASSES)
        if (split, label) not in groups
    ]
    if missing:
        raise InputError(
            f"the Kermany folder has no images in {', '.join(missing)}",
            hint="give the folder that holds train/NORMAL, train/PNEUMONIA, test/NORMAL, …",
        )
    return found
