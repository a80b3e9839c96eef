"""The held-out data of a shipped model: what its card's figures are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.imaging import Image, Preprocessing
from safelight.models.datasets import wdbc
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.split import Split
from safelight.models.recorded_data import check_not_learned, data_of, selection_of
from safelight.models.registry import TrainedModel

_NUMBERED = re.compile("(class|finding) [0-9]+")
_WDBC = "Wisconsin Diagnostic Breast Cancer (UCI)"


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
    title = str(model.description.get("data", {}).get("name", ""))
    recorded = selection_of(model.description)
    if title == _WDBC and recorded is None:
        steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
        return _wdbc(steps, path, split)
    if not title and path is None:
        raise InputError(
            f"the model {model.name!r} names no data set", hint="give its path: --dataset PATH"
        )
    side = model.graph.input_shape[-1]
    data = data_of(model.description, model.folder, path, side=side)
    check_not_learned(model.folder, data, split, model.description)
    return held_out_of(model, data, split)


def held_out_of(model: TrainedModel, data: Dataset, split: str = "test") -> HeldOut:
    """A split of a data set as the model takes it.

    Raises:
        InputError: The data have other classes, or are records where the model takes images.
    """
    _check(model, data)
    steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
    chosen = data.splits[split]
    return HeldOut(f"{data.name}/{split}", _preprocessed(steps, chosen), chosen.labels)


def _check(model: TrainedModel, data: Dataset) -> None:
    """The data's labels mean the model's classes, as far as numbers tell."""
    ours, theirs = len(model.meaning.outputs.classes), len(data.about.classes)
    several = model.meaning.outputs.kind == "multilabel"
    if ours != theirs or several != (data.about.task == "multi-label"):
        raise InputError(
            f"{data.name} has {theirs} classes ({data.about.task}), the model {model.name!r} "
            f"{ours} ({model.meaning.outputs.kind})",
            hint="evaluate the model on data with its own classes",
        )
    named = model.meaning.outputs.classes
    if bool(model.description.get("training")) and _differ(named, data.about.classes):
        raise InputError(
            f"the classes of {data.name} are {', '.join(data.about.classes)}, those of the model "
            f"{model.name!r} are {', '.join(named)}",
            hint="evaluate the model on data with its own classes",
        )


def _differ(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Other names, in words: numbers say nothing of what they stand for."""
    if _NUMBERED.fullmatch(ours[0]) or _NUMBERED.fullmatch(theirs[0]):
        return False
    return [name.casefold() for name in ours] != [name.casefold() for name in theirs]


def _wdbc(steps: Preprocessing, path: Path | None, split: str) -> HeldOut:
    if split == "test":
        held, _ = wdbc.load_held_out(path)
        return HeldOut("wdbc/held-out", steps.apply_record(held.inputs), held.labels)
    if split != "train" or path is not None:
        raise InputError(f"WDBC has no {split} split")
    train, _, _ = wdbc.load()
    return HeldOut("wdbc/train", steps.apply_record(train.inputs), train.labels)


def _preprocessed(steps: Preprocessing, split: Split) -> NDArray[np.float64]:
    if steps.is_for_records and split.inputs.ndim == 2:
        return steps.apply_record(split.inputs)
    if steps.is_for_records:
        raise InputError(
            "the data set holds images, the model takes records",
            hint="give a table of records, or another model",
        )
    scale = steps.value_scale
    return np.stack(
        [steps.apply(Image.from_array(image, value_scale=scale)) for image in split.inputs]
    )
