"""From a path, or what a model records about its data, to the three splits of a data set.

The one place that decides what a file or folder holds: training, evaluation and the lab all ask
it, so that they mean the same splits.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets import kermany, lidc, medmnist, nih_cxr14, wdbc
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.medmnist_sets import SETS
from safelight.models.datasets.origin import Layout, Origin, Selection, split_digest
from safelight.models.datasets.pictures import Watch
from safelight.models.datasets.squares import squared

FOLDER_VARIABLE = "SAFELIGHT_DATA"
DEFAULT_SIZE = 64
"""Side that a folder's larger images are reduced to: 64 × 64 fit one ciphertext."""
DEFAULT_NODULE_SIZE = 48

_PLACES = {
    kermany.ABOUT.title: "kermany-cxr",
    lidc.ABOUT.title: "lidc-nodules",
    "NIH ChestX-ray14 (reduced)": "nih-cxr14/nih1000_64.npz",
    "NIH ChestX-ray14 (reduced, pneumonia)": "nih-cxr14/nih_nofinding_pneumonia_128.npz",
    "NIH ChestX-ray14": "nih-cxr14",
}
"""Where data sets without a download lie below `FOLDER_VARIABLE`, by their title."""


def layout_of(path: Path) -> Layout:
    """How the data at a path are stored.

    Raises:
        InputError: Nothing there, or a folder that is not laid out as one we know.
    """
    if path.is_file():
        return "nih-reduced" if path.name in nih_cxr14.REDUCED else "medmnist"
    if not path.is_dir():
        raise InputError(f"no such data set: {path.name}", hint="give a file or a folder")
    if (path / "nodules71.npz").is_file():
        return "lidc"
    if nih_cxr14.table_of(path) is not None:
        return "nih"
    if (path / "labels.csv").is_file() or (path / "train").is_dir():
        return "kermany"
    raise InputError(
        f"the folder {path.resolve().name!r} is not laid out as a data set that we know",
        hint="train/, val/ and test/ with a folder a class, labels.csv, Data_Entry_2017.csv or "
        "nodules71.npz; or give a MedMNIST .npz",
    )


def opened(
    path: Path | None, selection: Selection, watch: Watch | None = None, *, side: int = 0
) -> Dataset:
    """The selected splits of the data at a path, with their origin.

    Args:
        path: File or folder; None for the WDBC records, which come with a package.
        selection: Which splits; its empty layout is filled in from the path, its size of 0 by the
            layout's own.
        watch: Told of images read.
        side: Of the squares that a file's images are cut and reduced to, for training; digests
            are of the images as they are stored. 0 to keep them as they are.

    Raises:
        InputError: Nothing there, damaged, or not of the selected layout.
    """
    found: Layout = "wdbc" if path is None else layout_of(path)
    if selection.layout not in ("", found):
        raise InputError(
            f"the data were stored as {selection.layout}, here is {found}",
            hint="give the data set that the model learned from",
        )
    size, chosen = selection.size, Selection(found)
    if path is None:
        data = wdbc.dataset()
    elif found == "medmnist":
        return medmnist.load(path, side=side, watch=watch)
    elif found == "nih-reduced":
        data, chosen = nih_cxr14.load_reduced(path), replace(chosen, file=path.stem)
    elif found == "lidc":
        size = size or DEFAULT_NODULE_SIZE
        data = lidc.fold(lidc.load(path, size=size), selection.fold)
        chosen = replace(chosen, size=size, fold=selection.fold)
    elif found == "nih":
        size, finding = size or DEFAULT_SIZE, selection.finding
        data = nih_cxr14.load(path, size=size, finding=finding or None, watch=watch)
        chosen = replace(chosen, size=size, finding=finding)
    else:
        size = size or DEFAULT_SIZE
        data = kermany.load(path, size=size, watch=watch)
        chosen = replace(chosen, size=size)
    digests = {name: split_digest(split) for name, split in data.splits.items()}
    data = replace(data, origin=Origin(chosen, path, digests))
    return squared(data, side) if side else data


def dataset_at(path: Path, *, size: int = 0) -> Dataset:
    """Any data set we read: a MedMNIST file, or the folder of one of the others.

    Args:
        path: A MedMNIST or reduced ChestX-ray14 ``.npz``, or the folder of Kermany's radiographs,
            of ChestX-ray14 or of LIDC nodules (the first of their five folds).
        size: Side of the squares that larger images are reduced to; 0 for the layout's own.

    Raises:
        InputError: Nothing there, or nothing that we know.
    """
    return opened(path, Selection(size=size))


def dataset_titled(title: str, *, size: int = 0) -> Dataset:
    """The data set that a model names in its ``data.name``; MedMNIST's are downloaded.

    Raises:
        InputError: No set of that title.
        UnreachableError: It is neither here nor to be had.
    """
    stem = title.removesuffix(" (MedMNIST v2)").lower()
    if stem in SETS:
        return opened(medmnist.find_or_download(stem), Selection("medmnist"))
    return opened(place_of(title), Selection(size=size))


def place_of(title: str) -> Path:
    """Where a set without a download lies.

    Raises:
        InputError: No set of that title.
        UnreachableError: It is not there.
    """
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
    return path
