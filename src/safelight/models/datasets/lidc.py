"""Lung nodules of LIDC-IDRI: crops of 71×71 pixels of CT, benign or malignant by mean rating.

Up to four readers rated each nodule from 1 (benign) to 5 (malignant). The mean rating, rounded,
decides: 1 and 2 are benign, 4 and 5 malignant, 3 is dropped. Values are stored without rescaling:
most scanners store HU + 1024, TOSHIBA and five GE images are in HU already, and GE pads with
−2000 or −2048.

**Source**: Armato et al. 2011, Medical Physics 38(2); TCIA LIDC-IDRI, CC BY 3.0.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.datasets.dataset import About, Dataset
from safelight.models.datasets.npz import read_npz
from safelight.models.datasets.patient_split import patient_folds, split_by_patient
from safelight.models.datasets.split import Split

ABOUT = About(
    title="LIDC-IDRI lung nodules",
    task="binary",
    classes=("benign", "malignant"),
    licence="CC BY 3.0",
    attribution="Armato et al. 2011, LIDC-IDRI; The Cancer Imaging Archive",
    source="https://doi.org/10.7937/K9/TCIA.2015.LO9QL9SX",
    kind="ct",
)
FOLDS = 5
AIR_HU = -1024
_OFFSET = 1024
_PADDING_BELOW = -1500
# 5th percentile of a crop, padding aside: of HU + 1024 it is −24 or more, of HU −836 or less
_HOUNSFIELD_BELOW = -200
_UNDECIDED = 3


def load(folder: Path, *, size: int = 48) -> Split:
    """All nodules with a verdict, in HU.

    Args:
        folder: With ``nodules71.npz`` and ``nodules71.csv``.
        size: Side of the central square that is kept, at most 71.

    Returns:
        int16 ``[n, size, size]`` in HU (air or below at −1024), labels 0 benign and 1 malignant,
        with patients.

    Raises:
        InputError: Missing or damaged files, or a size above that of the crops.
    """
    arrays = read_npz(folder / "nodules71.npz", ("images", "patient", "malignancy"))
    images = hounsfield(arrays["images"], _manufacturers(folder / "nodules71.csv"))
    side = images.shape[1]
    if not 0 < size <= side:
        raise InputError(f"nodule crops have {side} pixels, fewer than {size}")
    first = (side - size) // 2
    images = images[:, first : first + size, first : first + size]
    rating = arrays["malignancy"].astype(np.int64)
    decided = rating != _UNDECIDED
    labels = (rating > _UNDECIDED).astype(np.int64)
    return Split(images, labels, arrays["patient"].astype(np.str_)).where(decided)


def hounsfield(stored: NDArray[np.int16], manufacturers: NDArray[np.str_]) -> NDArray[np.int16]:
    """Stored values to HU, see the module's text.

    Args:
        stored: int16 ``[n, side, side]``.
        manufacturers: ``[n]``.
    """
    values = stored.astype(np.int32)
    padding = values < _PADDING_BELOW
    low = np.percentile(np.where(padding, 0, values).reshape(len(values), -1), 5, axis=1)
    already = (manufacturers == "TOSHIBA") | (low < _HOUNSFIELD_BELOW)
    shifted = values - np.where(already, 0, _OFFSET)[:, None, None]
    return np.maximum(np.where(padding, AIR_HU, shifted), AIR_HU).astype(np.int16)


def fold(nodules: Split, number: int, *, seed: int = 0) -> Dataset:
    """Fold ``number`` (from 0 to 4) as a data set: it is the test; a tenth of the rest validates.

    Patients are whole in every part.
    """
    if not 0 <= number < FOLDS:
        raise InputError(f"there is no fold {number}", hint=f"0 … {FOLDS - 1}")
    assert nodules.patients is not None
    folds = patient_folds(nodules.patients, nodules.labels, FOLDS, seed=seed)
    rest = np.flatnonzero(folds != number)
    train, val = split_by_patient(
        nodules.patients[rest], nodules.labels[rest], (0.9, 0.1), seed=seed
    )
    return Dataset(
        f"lidc-{nodules.inputs.shape[1]}-fold{number}",
        nodules.where(rest[train]),
        nodules.where(rest[val]),
        nodules.where(folds == number),
        ABOUT,
    )


def _manufacturers(path: Path) -> NDArray[np.str_]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return np.array([row["manufacturer"] for row in csv.DictReader(file)])
    except (OSError, KeyError, ValueError) as exc:
        raise InputError(
            f"{path.name} cannot be read or has no column manufacturer",
            hint="it tells which scanners store Hounsfield units",
        ) from exc
