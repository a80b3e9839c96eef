"""The held-out data of a shipped model: what its card's figures are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.imaging import Image, Preprocessing
from safelight.models.datasets import medmnist, wdbc
from safelight.models.datasets.split import Split
from safelight.models.registry import TrainedModel

# How model.json names its data, and what our loaders call it.
_DATASETS = {
    "Wisconsin Diagnostic Breast Cancer (UCI)": "wdbc",
    "PneumoniaMNIST (MedMNIST v2)": "pneumoniamnist",
    "RetinaMNIST (MedMNIST v2)": "retinamnist",
}


@dataclass(frozen=True)
class HeldOut:
    """Preprocessed inputs and their labels.

    Args:
        dataset: Name and split, such as ``pneumoniamnist/test``.
        inputs: float64 ``[n, *input_shape]``.
        labels: int64 ``[n]``: index of the class.
    """

    dataset: str
    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]


def held_out(model: TrainedModel, path: Path | None = None, split: str = "test") -> HeldOut:
    """The official test split of the data that the model was trained on, or another one.

    Args:
        model: Whose ``data.dataset`` names the data set.
        path: The data set's file; found or downloaded if None.
        split: ``train``, ``val`` or ``test``.

    Raises:
        InputError: A model without a known data set, or a file that is not it.
        UnreachableError: The file is neither here nor to be had.
    """
    dataset = _DATASETS.get(model.description.get("data", {}).get("name", ""), "")
    steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
    if dataset == "wdbc":
        return _wdbc(steps, path, split)
    if dataset in medmnist.KNOWN_MD5 or path is not None:
        data = medmnist.load(path or medmnist.find_or_download(dataset))
        chosen = {"train": data.train, "val": data.val, "test": data.test}[split]
        return HeldOut(f"{data.name}/{split}", _preprocessed(steps, chosen), chosen.labels)
    raise InputError(
        f"the model {model.name!r} names no data set that can be found",
        hint="give --dataset FILE",
    )


def _wdbc(steps: Preprocessing, path: Path | None, split: str) -> HeldOut:
    if split == "test":
        held, _ = wdbc.load_held_out(path)
        return HeldOut("wdbc/held-out", steps.apply_record(held.inputs), held.labels)
    if split != "train" or path is not None:
        raise InputError(f"WDBC has no {split} split")
    train, _, _ = wdbc.load()
    return HeldOut("wdbc/train", steps.apply_record(train.inputs), train.labels)


def _preprocessed(steps: Preprocessing, split: Split) -> NDArray[np.float64]:
    return np.stack([steps.apply(Image.from_array(image)) for image in split.inputs])
