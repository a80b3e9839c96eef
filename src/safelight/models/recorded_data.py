"""The data set that a trained model learned from, found again for its evaluation.

``model.json`` says which splits (`data.selector`) by layout, fold, finding and digests. Where they
lay, and the digests of single training inputs, stay in ``DIR/training`` with whoever trained: not
part of the model, not served. Models without a selector are found by the title of their data.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.data_source import dataset_titled, layout_of, opened, place_of
from safelight.models.datasets import medmnist
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.npz import md5_of_file
from safelight.models.datasets.origin import (
    INPUT_DIGEST_BYTES,
    Origin,
    Selection,
    count_known,
    input_digests,
)

FOLDER = "training"
SOURCE_FILE = "source.json"
LEARNED_FILE = "learned.npy"
_BY_TITLE = ("nih-reduced", "nih", "kermany", "lidc")


def write_source(model_folder: Path, origin: Origin) -> None:
    """Keeps where the data lay, for `data_of`; only on this machine."""
    folder = model_folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "path": None if origin.path is None else str(origin.path.resolve()),
        "selection": asdict(origin.selection),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    (folder / SOURCE_FILE).write_text(text, encoding="utf-8")
    if origin.learned is not None:
        np.save(folder / LEARNED_FILE, origin.learned)


def selection_of(description: Mapping[str, Any]) -> Selection | None:
    """What ``model.json`` selects; None of a model without a selector.

    Raises:
        InputError: It is damaged.
    """
    selector = description.get("data", {}).get("selector")
    return Selection.from_json(selector) if isinstance(selector, Mapping) else None


def data_of(
    description: Mapping[str, Any], folder: Path, path: Path | None, *, side: int
) -> Dataset:
    """The data set that a model learned from, or the same selection of another path.

    Args:
        description: Its ``model.json``.
        folder: Of the model.
        path: In place of the recorded one; then its content may differ.
        side: Of the model's input, in pixels: for models without a selector.

    Raises:
        InputError: Not found, or not what the model learned from.
        UnreachableError: Neither here nor to be had.
    """
    selection = selection_of(description)
    title = str(description.get("data", {}).get("name", ""))
    if path is not None:
        return _opened(path, _suiting(path, selection) or Selection(size=side))
    if selection is None:
        return _titled(title, side)
    data = _opened(_found(description, folder, selection, title), selection)
    _check_same(description, data)
    return data


def check_not_learned(
    folder: Path, data: Dataset, split: str, description: Mapping[str, Any]
) -> None:
    """Refuses to judge a model on inputs that it learned from.

    Args:
        folder: Of the model.
        data: That it shall be judged on.
        split: Of them.
        description: Its ``model.json``.

    Raises:
        InputError: Inputs of the split are among those of the training.
    """
    known = dict(description.get("data", {}).get("selector", {}).get("sha256", {}))
    origin = data.origin
    if split == "train" or (origin is not None and known.get(split) == origin.sha256[split]):
        return  # training left out what occurs in its own validation and test splits
    learned = _learned(folder)
    if learned is None:
        return
    count = count_known(input_digests(data.splits[split]), learned)
    if count:
        raise InputError(
            f"the model learned from {count} of the {len(data.splits[split])} inputs of "
            f"{data.name}/{split}; figures on them would flatter",
            hint="evaluate it on the splits it was trained with: leave out --dataset",
        )


@functools.lru_cache(maxsize=1)  # of one evaluation all three splits are asked for
def _opened(path: Path | None, selection: Selection) -> Dataset:
    return opened(path, selection)


@functools.lru_cache(maxsize=1)
def _titled(title: str, side: int) -> Dataset:
    return dataset_titled(title, size=side)


def _suiting(path: Path, selection: Selection | None) -> Selection | None:
    """The recorded selection where the path is stored alike; else it says nothing of it."""
    return selection if selection is not None and selection.layout == layout_of(path) else None


def _found(
    description: Mapping[str, Any], folder: Path, selection: Selection, title: str
) -> Path | None:
    if selection.layout == "wdbc":
        return None
    md5 = str(description.get("data", {}).get("md5", ""))
    recorded = _recorded_path(folder)
    if recorded is not None and recorded.exists() and _is_file_of(recorded, md5):
        return recorded
    if selection.layout in _BY_TITLE:
        return place_of(title)
    for name, official in medmnist.KNOWN_MD5.items():
        if official == md5:
            return medmnist.find_or_download(name)
    stem = title.removesuffix(" (MedMNIST v2)").lower()
    here = [medmnist.find(name) for name in (selection.file, stem) if name]
    same = next((path for path in here if path is not None and _is_file_of(path, md5)), None)
    if same is None:
        changed = recorded is not None and recorded.exists()
        raise InputError(
            f"the file {selection.file}.npz that the model learned from "
            + ("has changed since" if changed else "is not where it was"),
            hint="give a file to evaluate on: --dataset PATH",
        )
    return same


def _is_file_of(path: Path, md5: str) -> bool:
    return not md5 or (path.is_file() and md5_of_file(path) == md5)


def _recorded_path(folder: Path) -> Path | None:
    try:
        document = json.loads((folder / FOLDER / SOURCE_FILE).read_text(encoding="utf-8"))
        return Path(document["path"]) if document["path"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a model that was passed on, or a damaged note: found by other means


def _check_same(description: Mapping[str, Any], data: Dataset) -> None:
    recorded = description["data"]["selector"].get("sha256", {})
    assert data.origin is not None
    other = [name for name, digest in data.origin.sha256.items() if recorded.get(name) != digest]
    if other:
        raise InputError(
            f"{data.name} here has other {', '.join(other)} inputs than those the model was "
            "trained with",
            hint="give the data set to evaluate on: --dataset PATH",
        )


def _learned(folder: Path) -> NDArray[np.uint8] | None:
    path = folder / FOLDER / LEARNED_FILE
    if not path.is_file():
        return None
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as exc:
        raise InputError(
            f"{FOLDER}/{LEARNED_FILE} of the model is damaged",
            hint="remove it to evaluate without a check for training inputs",
        ) from exc
    if found.dtype != np.uint8 or found.shape[1:] != (INPUT_DIGEST_BYTES,):
        raise InputError(
            f"{FOLDER}/{LEARNED_FILE} of the model is damaged",
            hint="remove it to evaluate without a check for training inputs",
        )
    return np.asarray(found)
