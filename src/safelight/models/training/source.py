"""From the ``[data]`` of a configuration to a data set that training can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.imaging import Image
from safelight.imaging.steps import CenterCropSquare, Resize
from safelight.models.datasets import kermany, lidc, medmnist, nih_cxr14, wdbc
from safelight.models.datasets.dataset import Dataset, check_labels
from safelight.models.datasets.leakage import leakage
from safelight.models.datasets.split import Split, without_repeats_of
from safelight.models.training.config import DataConfig
from safelight.models.training.profiles import PROFILES
from safelight.models.training.watching import Watch

LARGEST_SIDE = 64
"""Of an image that is trained on unless ``size`` says otherwise: 64 × 64 fit one ciphertext."""


def open_dataset(config: DataConfig, watch: Watch) -> Dataset:
    """The data set, checked: labels, licence, splits that are apart.

    Training images that also occur in validation or test are left out, and said so.

    Args:
        config: Which.
        watch: Told of images read, and of leakage.

    Raises:
        InputError: Missing or damaged files, labels of one class, no licence.
        UnreachableError: A download that is not to be had.
    """
    dataset = _opened(config, watch)
    about = dataset.about
    if config.kind:
        if config.kind not in PROFILES:
            kinds = ", ".join(kind for kind in PROFILES if kind)
            raise InputError(f"{config.kind!r} is not a kind of image", hint=f"one of {kinds}")
        about = replace(about, kind=config.kind)
    about = replace(
        about,
        licence=config.licence or about.licence,
        attribution=config.attribution or about.attribution,
    )
    if not about.licence or not about.attribution:
        missing = [word for word in ("licence", "attribution") if not getattr(about, word)]
        raise InputError(
            f"the data set {dataset.name!r} states no {' and no '.join(missing)}, which the "
            "model's card needs",
            hint="give --licence 'CC BY 4.0' --attribution 'who made it', or licence and "
            "attribution in [data]",
        )
    dataset = replace(dataset, about=about)
    check_labels(dataset)
    report = leakage(dataset)
    for warning in report.warnings:
        watch.say(f"warning: {warning}")
    train, left_out = dataset.train, 0
    for other in (dataset.val, dataset.test):
        train, repeated = without_repeats_of(train, other)
        left_out += repeated
    if left_out:
        watch.say(f"{left_out} training images that other splits hold are left out")
    dataset = replace(dataset, train=train)
    check_labels(dataset)
    return _reduced(dataset, config.size, watch)


def _opened(config: DataConfig, watch: Watch) -> Dataset:
    def reading(done: int, total: int) -> None:
        watch.progress("reading images", done, total)

    if config.name == "wdbc":
        return wdbc.dataset()
    if config.name:
        return medmnist.load(medmnist.find_or_download(config.name))
    path = Path(config.path)
    size = config.size or LARGEST_SIDE
    if path.is_dir():
        if (path / "nodules71.npz").is_file():
            return lidc.fold(lidc.load(path, size=config.size or 48), config.fold)
        if any(path.glob("Data_Entry_2017*.csv")):
            return nih_cxr14.load(path, size=size, finding=config.finding or None, watch=reading)
        return kermany.load(path, size=size, watch=reading)
    if path.name in nih_cxr14.REDUCED:
        return nih_cxr14.load_reduced(path)
    return medmnist.load(path)


def _reduced(dataset: Dataset, size: int, watch: Watch) -> Dataset:
    """Images no larger than ``size``, or `LARGEST_SIDE` where it is 0; records as they are."""
    shape = dataset.train.inputs.shape
    side = size or LARGEST_SIDE
    if len(shape) < 3 or max(shape[1:3]) <= side or dataset.train.inputs.dtype != np.uint8:
        return dataset
    watch.say(f"images are reduced from {shape[1]}×{shape[2]} to {side}×{side} pixels")
    parts = {
        name: replace(split, inputs=_smaller(split, side, watch))
        for name, split in dataset.splits.items()
    }
    return replace(dataset, **parts)  # type: ignore[arg-type]


def _smaller(split: Split, side: int, watch: Watch) -> NDArray[np.uint8]:
    crop, resize = CenterCropSquare(), Resize(side, side)
    colour = split.inputs.ndim == 4
    result = np.empty((len(split), side, side, *((3,) if colour else ())), dtype=np.uint8)
    for index, image in enumerate(split.inputs):
        planes = resize.apply(crop.apply(Image.from_array(image).channels_first()))
        values = np.round(planes * 255)
        result[index] = np.moveaxis(values, 0, 2) if colour else values[0]
        if index % 500 == 0:
            watch.progress("reducing images", index, len(split))
    return result
