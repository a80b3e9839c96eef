"""MedMNIST v2 files: any of them by path, PneumoniaMNIST also from a folder or from Zenodo.

**Source**: Yang et al. 2023, MedMNIST v2, Zenodo record 10519652.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, UnreachableError
from safelight.models.datasets.split import Split

KNOWN_MD5 = {
    "pneumoniamnist": "28209eda62fecd6e6a2d98b1501bb15f",
    "retinamnist": "bd4c0672f1bba3e3a89f0e4e876791e4",
}
"""MD5 of the official 28×28 files; against damage, not against an adversary."""

ZENODO = "https://zenodo.org/records/10519652/files"
_SPLITS = ("train", "val", "test")
_MOST_BYTES = 64 << 20  # the two known files have 4.2 and 3.3 MB
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class MedMnist:
    """The three official splits of one MedMNIST file.

    Args:
        name: Stem of the file's name, such as ``pneumoniamnist``.
        train: For fitting.
        val: For every choice.
        test: Read once, at the end.
    """

    name: str
    train: Split
    val: Split
    test: Split


def load(path: Path) -> MedMnist:
    """Reads any MedMNIST v2 ``.npz``.

    Args:
        path: The file. Where its name is one of `KNOWN_MD5`, its MD5 has to agree.

    Raises:
        InputError: No such file, damaged, or not in MedMNIST's layout.
    """
    if not path.is_file():
        raise InputError(
            f"no such file: {path}", hint=f"download it from {ZENODO.removesuffix('/files')}"
        )
    expected = KNOWN_MD5.get(path.stem)
    if expected is not None and _md5(path.read_bytes()) != expected:
        raise InputError(
            f"{path.name} is not the official file (its MD5 differs)",
            hint="remove it and download it again",
        )
    arrays = _arrays(path)
    splits = {name: _split(arrays, name) for name in _SPLITS}
    shapes = {split.inputs.shape[1:] for split in splits.values()}
    if len(shapes) != 1:
        raise InputError(f"the splits of {path.name} hold images of different shapes")
    return MedMnist(path.stem, **splits)


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
    content = _download(f"{ZENODO}/{name}.npz?download=1")
    if _md5(content) != KNOWN_MD5[name]:
        raise InputError(
            f"what Zenodo sent for {name}.npz is not the official file (its MD5 differs)",
            hint="try again later, or put the file into $SAFELIGHT_DATA/medmnist",
        )
    path = cache_folder() / f"{name}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.replace(path)  # never half a file under the final name
    return path


def cache_folder() -> Path:
    """Where downloads are kept: ``$XDG_CACHE_HOME/safelight/medmnist`` or below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "safelight" / "medmnist"


def _download(url: str) -> bytes:
    import httpx

    content = bytearray()
    try:
        with httpx.stream("GET", url, timeout=_TIMEOUT_S, follow_redirects=True) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > _MOST_BYTES:
                    raise InputError(f"the download is larger than {_MOST_BYTES >> 20} MiB")
    except httpx.HTTPError as exc:
        raise UnreachableError(
            "PneumoniaMNIST could not be downloaded from Zenodo",
            hint="connect to a network, or put the file into $SAFELIGHT_DATA/medmnist",
        ) from exc
    return bytes(content)


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    names = [f"{split}_{kind}" for split in _SPLITS for kind in ("images", "labels")]
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise InputError(f"{path.name} has no {', '.join(missing)}")
            return {name: file[name] for name in names}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as exc:
        raise InputError(f"{path.name} is damaged or not an .npz file") from exc


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
