"""From a path, or the words of a model about its data, to the three splits of a data set."""

from __future__ import annotations

import os
from pathlib import Path

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets import kermany, lidc, medmnist, nih_cxr14
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.medmnist_sets import SETS

FOLDER_VARIABLE = "SAFELIGHT_DATA"

_PLACES = {
    kermany.ABOUT.title: "kermany-cxr",
    lidc.ABOUT.title: "lidc-nodules",
    "NIH ChestX-ray14 (reduced)": "nih-cxr14/nih1000_64.npz",
    "NIH ChestX-ray14": "nih-cxr14",
}
"""Where data sets without a download lie below `FOLDER_VARIABLE`, by their title."""


def dataset_at(path: Path, *, size: int = 64) -> Dataset:
    """Any data set we read: a MedMNIST file, or the folder of one of the others.

    Args:
        path: A MedMNIST or reduced ChestX-ray14 ``.npz``, or the folder of Kermany's radiographs,
            of ChestX-ray14 or of LIDC nodules (the first of their five folds).
        size: Side of the squares that larger images are reduced to.

    Raises:
        InputError: Nothing there, or nothing that we know.
    """
    if path.is_file():
        if path.name in nih_cxr14.REDUCED:
            return nih_cxr14.load_reduced(path)
        return medmnist.load(path)
    if not path.is_dir():
        raise InputError(f"no such data set: {path.name}", hint="give a file or a folder")
    if (path / "nodules71.npz").is_file():
        return lidc.fold(lidc.load(path, size=size), 0)
    if any(path.glob("**/Data_Entry_2017*.csv")):
        return nih_cxr14.load(path, size=size)
    if (path / "labels.csv").is_file() or (path / "train").is_dir():
        return kermany.load(path, size=size)
    raise InputError(
        f"the folder {path.name!r} is not laid out as a data set that we know",
        hint="train/, val/ and test/ with a folder a class, labels.csv, Data_Entry_2017.csv or "
        "nodules71.npz; or give a MedMNIST .npz",
    )


def dataset_titled(title: str, *, size: int = 64) -> Dataset:
    """The data set that a model names in its ``data.name``; MedMNIST's are downloaded.

    Raises:
        InputError: No set of that title.
        UnreachableError: It is neither here nor to be had.
    """
    stem = title.removesuffix(" (MedMNIST v2)").lower()
    if stem in SETS:
        return medmnist.load(medmnist.find_or_download(stem))
    if title not in _PLACES:
        raise InputError(
            f"no known data set is called {title[:80]!r}", hint="give its path: --dataset PATH"
        )
    path = Path(os.environ.get(FOLDER_VARIABLE, "")) / _PLACES[title]
    if FOLDER_VARIABLE not in os.environ or not path.exists():
        raise UnreachableError(
            f"the data set {title!r} is not here",
            hint=f"give its path with --dataset, or put it into ${FOLDER_VARIABLE}",
        )
    return dataset_at(path, size=size)
