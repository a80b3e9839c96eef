"""MedMNIST v2 files: any of them by path, the official ones also by name, from Zenodo.

**Source**: Yang et al. 2023, MedMNIST v2, Zenodo record 10519652.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets.dataset import About, Dataset, Task
from safelight.models.datasets.image_parts import read_images
from safelight.models.datasets.label_codes import recoded
from safelight.models.datasets.medmnist_sets import (
    KNOWN_MD5,
    SETS,
    ZENODO,
    accepted_md5,
    recognised,
)
from safelight.models.datasets.npz import StoredArray, md5_of_file, read_npz, stored_arrays
from safelight.models.datasets.origin import Origin, Selection
from safelight.models.datasets.pictures import Watch
from safelight.models.datasets.split import Split
from safelight.models.datasets.squares import reduction

__all__ = ["KNOWN_MD5", "ZENODO", "cache_folder", "find", "find_or_download", "load"]

_SPLITS = ("train", "val", "test")
_KINDS = ("images", "labels")
_MOST_BYTES = 16 << 30  # the largest official file, PathMNIST at 224 pixels, has 12.6 GB
_TIMEOUT_S = 30.0

MAX_CLASSES = 1000
"""A label above is taken for a fault of the file, before so many classes are named."""


def load(path: Path, *, side: int = 0, watch: Watch | None = None) -> Dataset:
    """Reads any MedMNIST v2 ``.npz``.

    Args:
        path: The file. One of the twelve sets is recognised by its MD5, or by the numbers of its
            images and labels, whatever its name, and then said so in the notes. Of any other the
            task follows from the labels, and classes are numbered. Labels of two values that are
            not 0 and 1 may be taken for these, see `recoded`.
        side: Of the squares that images are cut and reduced to while they are read; 0 to keep
            them as they are. Digests are of the images as the file has them.
        watch: Told of images read.

    Raises:
        InputError: No such file, damaged, not in MedMNIST's layout, or more than the memory holds.
    """
    if not path.is_file():
        raise InputError(
            f"no such file: {path}", hint=f"download it from {ZENODO.removesuffix('/files')}"
        )
    digest = md5_of_file(path)
    stored = stored_arrays(path, [f"{split}_{kind}" for split in _SPLITS for kind in _KINDS])
    for name in _SPLITS:
        _check_layout(stored, name)
    shapes = {stored[f"{name}_images"].shape[1:] for name in _SPLITS}
    if len(shapes) != 1:
        raise InputError(f"the splits of {path.name} hold images of different shapes")
    several = {stored[f"{name}_labels"].shape[1:] for name in _SPLITS}
    if len(several) != 1:
        raise InputError(f"the splits of {path.name} hold labels of different shapes")
    labels, recoding = recoded({name: _labels(path, name) for name in _SPLITS})
    splits, sha256 = {}, {}
    for name in _SPLITS:
        found = read_images(stored[f"{name}_images"], side=side, watch=watch)
        splits[name] = Split(found.images, labels[name], digests=found.digests)
        sha256[name] = found.whole.hex(labels[name])
    about, notes = _about(path.stem, digest, splits)
    if recoding:
        notes += (recoding,)
    if side and (note := reduction(shapes.pop(), side)):
        notes += (note,)
    return Dataset(
        path.stem, splits["train"], splits["val"], splits["test"], about,
        Origin(Selection("medmnist", file=path.stem), path, sha256), notes,
    )  # fmt: skip


def _about(stem: str, digest: str, splits: dict[str, Split]) -> tuple[About, tuple[str, ...]]:
    train = splits["train"]
    several = train.labels.ndim == 2
    highest = max(int(split.labels.max(initial=0)) for split in splits.values())
    if highest >= MAX_CLASSES:
        raise InputError(
            f"a label of {stem} is {highest}, above {MAX_CLASSES - 1}",
            hint="labels are the numbers of classes, from 0 without gaps",
        )
    found = recognised(
        digest,
        (len(train), len(splits["val"]), len(splits["test"])),
        3 if train.inputs.ndim == 4 else 1,
        (train.labels.shape[1] if several else 1, highest + 1),
    )
    renamed = stem in KNOWN_MD5 and digest not in accepted_md5(stem)
    notes = [f"{stem}.npz is not the official file of its name (its MD5 differs)"] * renamed
    if found is not None:
        about = SETS[found.name].about(digest)
        if not found.official:
            notes.append(
                f"recognised as {about.title} because of its counts and labels; its licence and "
                "attribution are taken from there"
            )
        return about, tuple(notes)
    if renamed:
        notes.append("it is taken for an unknown set: its classes are numbered")
    title = f"{stem} (not the official file)" if renamed else stem
    if several:
        task: Task = "multi-label"
        classes = tuple(f"finding {k}" for k in range(train.labels.shape[1]))
    else:
        task = "binary" if highest <= 1 else "multi-class"
        classes = tuple(f"class {k}" for k in range(max(highest, 1) + 1))
    return About(title=title, task=task, classes=classes, md5=digest), tuple(notes)


def find(name: str) -> Path | None:
    """Where ``name.npz`` lies: under ``$SAFELIGHT_DATA/medmnist`` or the download cache."""
    folders = [cache_folder()]
    if "SAFELIGHT_DATA" in os.environ:
        folders.insert(0, Path(os.environ["SAFELIGHT_DATA"]) / "medmnist")
    return next((f / f"{name}.npz" for f in folders if (f / f"{name}.npz").is_file()), None)


def find_or_download(name: str = "pneumoniamnist") -> Path:
    """`find`, else the official file from Zenodo, checked and kept in the cache.

    Raises:
        InputError: A name without a known MD5, or what is found or downloaded under an official
            name is not the official file.
        UnreachableError: No network, or Zenodo does not answer.
    """
    path = find(name)
    if path is not None:
        if name in KNOWN_MD5 and md5_of_file(path) not in accepted_md5(name):
            raise InputError(
                f"{path.name} is not the official file (its MD5 differs)",
                hint="remove it and it is downloaded again, or give its path, not its name",
            )
        return path
    if name not in KNOWN_MD5:
        raise InputError(
            f"no file {name}.npz was found and its MD5 is not known",
            hint="give the path of a MedMNIST file",
        )
    path = cache_folder() / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        _download(f"{ZENODO}/{name}.npz?download=1", part, name)
        if md5_of_file(part) != KNOWN_MD5[name]:
            raise InputError(
                f"what Zenodo sent for {name}.npz is not the official file (its MD5 differs)",
                hint="try again later, or put the file into $SAFELIGHT_DATA/medmnist",
            )
        part.replace(path)  # never half a file under the final name
    finally:
        part.unlink(missing_ok=True)
    return path


def cache_folder() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/safelight/medmnist`` or below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "safelight" / "medmnist"


def _download(url: str, target: Path, name: str) -> None:
    import httpx

    size = 0
    try:
        with (
            target.open("wb") as file,
            httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response,
        ):
            response.raise_for_status()
            for chunk in response.iter_bytes():
                file.write(chunk)
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise InputError(f"the download is larger than {_MOST_BYTES >> 30} GiB")
    except httpx.HTTPError as exc:
        raise UnreachableError(
            f"{name}.npz could not be downloaded from Zenodo",
            hint="connect to a network, or put the file into $SAFELIGHT_DATA/medmnist",
        ) from exc


def _labels(path: Path, name: str) -> NDArray[np.int64]:
    found = read_npz(path, [f"{name}_labels"])[f"{name}_labels"].astype(np.int64)
    return found[:, 0] if found.shape[1] == 1 else found


def _check_layout(stored: Mapping[str, StoredArray], name: str) -> None:
    images, labels = (stored[f"{name}_{kind}"] for kind in _KINDS)
    colour = len(images.shape) == 4 and images.shape[3] == 3
    if images.dtype != np.uint8 or not (len(images.shape) == 3 or colour) or 0 in images.shape:
        raise InputError(
            f"{name} images have shape {list(images.shape)} and type {images.dtype}",
            hint="MedMNIST 2D files hold uint8 [n, height, width] or [n, height, width, 3]",
        )
    if len(labels.shape) != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{name} labels have shape {list(labels.shape)} and type {labels.dtype}")
    if images.shape[0] != labels.shape[0]:
        raise InputError(f"{images.shape[0]} inputs but {labels.shape[0]} labels")
