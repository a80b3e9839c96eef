"""NIH ChestX-ray14: the real layout, and the two reduced sets; split by patient either way.

Labels are text-mined upstream (stated accuracy above 90 %). Patients are the first part of a
file's name, and the official lists (``test_list.txt``) already keep them apart; the reduced sets
do not, so they are split anew.

**Source**: Wang et al., ChestX-ray8, CVPR 2017; https://nihcc.app.box.com/v/ChestXray-NIHCC.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.npz import md5_of_file, read_npz
from safelight.models.datasets.patient_split import split_by_patient
from safelight.models.datasets.pictures import Watch, grey_squares
from safelight.models.datasets.split import Split

FINDINGS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
NO_FINDING = "No Finding"
SHARES = (0.6, 0.2, 0.2)
"""Of the reduced sets' images: train, val, test."""

REDUCED = {"nih1000_64.npz": "abnormal", "nih_nofinding_pneumonia_128.npz": "labels"}
"""The reduced sets and the name of their labels."""

_REDUCED_WORDS = {
    "nih1000_64.npz": ("NIH ChestX-ray14 (reduced)", ("normal", "abnormal")),
    "nih_nofinding_pneumonia_128.npz": (
        "NIH ChestX-ray14 (reduced, pneumonia)",
        ("no finding", "pneumonia"),
    ),
}
"""Title and classes; models that are named by the first title learned from the first."""

_WORDS: Mapping[str, Any] = {
    "licence": "NIH Clinical Center: free use with attribution",
    "attribution": "Wang et al. 2017, ChestX-ray8, CVPR; NIH Clinical Center, "
    "https://nihcc.app.box.com/v/ChestXray-NIHCC",
    "source": "https://nihcc.app.box.com/v/ChestXray-NIHCC",
    "kind": "chest-xray",
}


def load_reduced(path: Path, *, seed: int = 0) -> Dataset:
    """``nih1000_64.npz`` (normal, abnormal) or ``nih_nofinding_pneumonia_128.npz``.

    The split of the file is not used: 30 of 264 patients are on both sides of it.

    Args:
        path: The file.
        seed: Of the choice of patients.

    Raises:
        InputError: Missing, damaged, or not one of the two.
    """
    column = REDUCED.get(path.name)
    if column is None:
        raise InputError(
            f"{path.name} is not a reduced ChestX-ray14 set", hint=f"one of {', '.join(REDUCED)}"
        )
    arrays = read_npz(path, ("images", column, "name"))
    images, labels = arrays["images"], arrays[column].astype(np.int64)
    if images.dtype != np.uint8 or images.ndim != 3 or labels.ndim != 1:
        raise InputError(f"{path.name} holds images of shape {list(images.shape)}")
    patients = np.array([str(name).split("_")[0] for name in arrays["name"]])
    parts = split_by_patient(patients, labels, SHARES, seed=seed)
    everything = Split(images, labels, patients)
    train, val, test = (everything.where(part) for part in parts)
    title, classes = _REDUCED_WORDS[path.name]
    about = About(title, "binary", classes, **_WORDS, md5=md5_of_file(path))
    return Dataset(path.stem, train, val, test, about)


def load(
    root: Path,
    *,
    size: int = 64,
    finding: str | None = None,
    seed: int = 0,
    watch: Watch | None = None,
) -> Dataset:
    """The real layout: ``Data_Entry_2017.csv`` and PNGs in any folders below ``root``.

    Images that the table lists and the folder lacks are left out. Where ``test_list.txt`` lies
    there it gives the test split; validation, and the test split where it does not, are chosen
    by patient.

    Args:
        root: The folder.
        size: Side of the squares that images are reduced to.
        finding: One of `FINDINGS` against ``No Finding``; ``abnormal`` for any against none; all
            fourteen as a multi-label task if None.
        seed: Of the choice of patients.
        watch: For progress.

    Raises:
        InputError: No table, no images, an unknown finding.
    """
    if finding not in (None, "abnormal", *FINDINGS):
        raise InputError(f"{finding!r} is not a finding", hint=f"one of {', '.join(FINDINGS)}")
    rows = _rows(root)
    files = {path.name: path for path in sorted(root.rglob("*.png"))}
    rows = [row for row in rows if row[0] in files and _wanted(row[1], finding)]
    if not rows:
        raise InputError(
            "the ChestX-ray14 folder has no PNG that Data_Entry_2017.csv lists",
            hint="unpack images_*.tar.gz below it",
        )
    labels = np.array([_label(found, finding) for _, found, _ in rows], dtype=np.int64)
    patients = np.array([patient for _, _, patient in rows])
    everything = Split(grey_squares([files[row[0]] for row in rows], size, watch), labels, patients)
    learn, test = _official(root, [row[0] for row in rows])
    if not len(test) or not len(learn):
        train, val, test = split_by_patient(patients, labels, (0.7, 0.1, 0.2), seed=seed)
    else:
        train, val = split_by_patient(patients[learn], labels[learn], (0.9, 0.1), seed=seed)
        train, val = learn[train], learn[val]
    if finding is None:
        names = tuple(each.replace("_", " ").lower() for each in FINDINGS)
        about = About("NIH ChestX-ray14", "multi-label", names, **_WORDS)
    else:
        positive = finding.replace("_", " ").lower()
        about = About("NIH ChestX-ray14", "binary", ("no finding", positive), **_WORDS)
    name = f"nih-cxr14-{size}"
    return Dataset(
        name, everything.where(train), everything.where(val), everything.where(test), about
    )


def table_of(root: Path) -> Path | None:
    """The table of images, in ``root`` or up to two folders below; None if it is not there."""
    # no "**": a person may give a folder with all the disc below it
    places = (root.glob(f"{below}Data_Entry_2017*.csv") for below in ("", "*/", "*/*/"))
    return next((sorted(found)[0] for found in map(list, places) if found), None)


def _rows(root: Path) -> list[tuple[str, tuple[str, ...], str]]:
    """Name, findings and patient of each image listed."""
    table = table_of(root)
    if table is None:
        raise InputError(
            "the ChestX-ray14 folder has no Data_Entry_2017.csv", hint="download it from NIH's Box"
        )
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            return [
                (row["Image Index"], tuple(row["Finding Labels"].split("|")), row["Patient ID"])
                for row in csv.DictReader(file)
            ]
    except (KeyError, ValueError, AttributeError, OSError, csv.Error) as exc:
        raise InputError(
            f"{table.name} is not in its layout",
            hint="it needs the columns Image Index, Finding Labels, Patient ID",
        ) from exc


def _wanted(found: tuple[str, ...], finding: str | None) -> bool:
    if finding in (None, "abnormal"):
        return True
    return finding in found or found == (NO_FINDING,)


def _label(found: tuple[str, ...], finding: str | None) -> int | list[int]:
    if finding is None:
        return [int(each in found) for each in FINDINGS]
    return int(found != (NO_FINDING,)) if finding == "abnormal" else int(finding in found)


def _official(root: Path, names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions for learning and for the official test, where it is listed."""
    table = table_of(root)
    path = (root if table is None else table.parent) / "test_list.txt"
    if not path.is_file():
        return np.array([], dtype=np.int64), np.array([], dtype=np.int64)
    listed = set(path.read_text(encoding="utf-8").split())
    inside = np.array([name in listed for name in names])
    return np.flatnonzero(~inside), np.flatnonzero(inside)
