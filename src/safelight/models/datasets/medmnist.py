"""MedMNIST v2 files: any of them by path, the official ones also by name, from Zenodo.

**Source**: Yang et al. 2023, MedMNIST v2, Zenodo record 10519652.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets.dataset import About, Dataset, Task
from safelight.models.datasets.medmnist_sets import (
    KNOWN_MD5,
    SETS,
    ZENODO,
    accepted_md5,
    recognised,
)
from safelight.models.datasets.npz import read_npz
from safelight.models.datasets.split import Split

__all__ = ["KNOWN_MD5", "ZENODO", "cache_folder", "find", "find_or_download", "load"]

_SPLITS = ("train", "val", "test")
_MOST_BYTES = 16 << 30  # the largest official file, PathMNIST at 224 pixels, has 12.6 GB
_TIMEOUT_S = 30.0


def load(path: Path) -> Dataset:
    """Reads any MedMNIST v2 ``.npz``.

    Args:
        path: The file. Where its name is one of `KNOWN_MD5`, its MD5 has to agree. A file of
            another name is recognised by its MD5 or by the numbers of its images; of any other
            the task follows from the labels, and classes are numbered.

    Raises:
        InputError: No such file, damaged, or not in MedMNIST's layout.
    """
    if not path.is_file():
        raise InputError(
            f"no such file: {path}", hint=f"download it from {ZENODO.removesuffix('/files')}"
        )
    digest = _md5_of_file(path)
    accepted = accepted_md5(path.stem)
    if accepted and digest not in accepted:
        raise InputError(
            f"{path.name} is not the official file (its MD5 differs)",
            hint="remove it and download it again; data of your own go under another name",
        )
    names = [f"{split}_{kind}" for split in _SPLITS for kind in ("images", "labels")]
    arrays = read_npz(path, names)
    splits = {name: _split(arrays, name) for name in _SPLITS}
    shapes = {split.inputs.shape[1:] for split in splits.values()}
    if len(shapes) != 1:
        raise InputError(f"the splits of {path.name} hold images of different shapes")
    several = {split.labels.shape[1:] for split in splits.values()}
    if len(several) != 1:
        raise InputError(f"the splits of {path.name} hold labels of different shapes")
    return Dataset(
        path.stem, splits["train"], splits["val"], splits["test"],
        about=_about(path.stem, digest, splits),
    )  # fmt: skip


def _about(stem: str, digest: str, splits: dict[str, Split]) -> About:
    train = splits["train"]
    counts = (len(train), len(splits["val"]), len(splits["test"]))
    name = recognised(stem, digest, counts, 3 if train.inputs.ndim == 4 else 1)
    if name is not None:
        return SETS[name].about(digest)
    if train.labels.ndim == 2:
        task: Task = "multi-label"
        classes = tuple(f"finding {k}" for k in range(train.labels.shape[1]))
    else:
        highest = max(int(split.labels.max(initial=0)) for split in splits.values())
        task = "binary" if highest <= 1 else "multi-class"
        classes = tuple(f"class {k}" for k in range(max(highest, 1) + 1))
    return About(title=stem, task=task, classes=classes, md5=digest)


def find(name: str) -> Path | None:
    """Where ``name.npz`` lies: under ``$SAFELIGHT_DATA/medmnist`` or the download cache."""
    folders = [cache_folder()]
    if "SAFELIGHT_DATA" in os.environ:
        folders.insert(0, Path(os.environ["SAFELIGHT_DATA"]) / "medmnist")
    return next((f / f"{name}.npz" for f in folders if (f / f"{name}.npz").is_file()), None)


def find_or_download(name: str = "pneumoniamnist") -> Path:
    """`find`, else the official file from Zenodo, checked and kept in the cache.

    Raises:
        InputError: A name without a known MD5, or a download that is not the official file.
        UnreachableError: No network, or Zenodo does not answer.
    """
    path = find(name)
    if path is not None:
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
        if _md5_of_file(part) != KNOWN_MD5[name]:
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


def _md5_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _split(arrays: dict[str, NDArray[Any]], name: str) -> Split:
    images, labels = arrays[f"{name}_images"], arrays[f"{name}_labels"]
    colour = images.ndim == 4 and images.shape[3] == 3
    if images.dtype != np.uint8 or not (images.ndim == 3 or colour) or 0 in images.shape:
        raise InputError(
            f"{name} images have shape {list(images.shape)} and type {images.dtype}",
            hint="MedMNIST 2D files hold uint8 [n, height, width] or [n, height, width, 3]",
        )
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(f"{name} labels have shape {list(labels.shape)} and type {labels.dtype}")
    labels = labels.astype(np.int64)
    return Split(images, labels[:, 0] if labels.shape[1] == 1 else labels)
