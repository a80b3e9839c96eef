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


def held_out(model: TrainedModel, path: Path | None = None) -> HeldOut:
    """The official test split of the data that the model was trained on.

    Args:
        model: Whose ``data.dataset`` names the data set.
        path: The data set's file; found or downloaded if None.

    Raises:
        InputError: A model without a known data set, or a file that is not it.
        UnreachableError: The file is neither here nor to be had.
    """
    dataset = _DATASETS.get(model.description.get("data", {}).get("name", ""), "")
    steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
    if dataset == "wdbc":
        split, _ = wdbc.load_held_out(path)
        return HeldOut("wdbc/held-out", steps.apply_record(split.inputs), split.labels)
    if dataset in medmnist.KNOWN_MD5 or path is not None:
        data = medmnist.load(path or medmnist.find_or_download(dataset))
        return HeldOut(f"{data.name}/test", _preprocessed(steps, data.test), data.test.labels)
    raise InputError(
        f"the model {model.name!r} names no data set that can be found",
        hint="give --dataset FILE",
    )


def _preprocessed(steps: Preprocessing, split: Split) -> NDArray[np.float64]:
    return np.stack([steps.apply(Image.from_array(image)) for image in split.inputs])
