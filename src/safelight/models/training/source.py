"""From the ``[data]`` of a configuration to a data set that training can use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from safelight.errors import InputError
from safelight.models.data_source import opened
from safelight.models.datasets import medmnist
from safelight.models.datasets.dataset import Dataset, absent_classes, check_labels
from safelight.models.datasets.leakage import leakage
from safelight.models.datasets.origin import Selection, input_digests
from safelight.models.datasets.split import without_repeats_of
from safelight.models.licence import UNSTATED_ATTRIBUTION, UNSTATED_LICENCE
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
        InputError: Missing or damaged files, labels of one class, more than the memory holds.
        UnreachableError: A download that is not to be had.
    """
    dataset = _opened(config, watch)
    for note in dataset.notes:
        watch.say(f"note: {note}")
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
        kept = "" if about.licence else ": the model stays here, it is not served to others"
        watch.say(
            f"warning: {dataset.name!r} states no {' and no '.join(missing)}{kept} "
            f"(give --{' and --'.join(missing)} if you know)"
        )
        about = replace(
            about,
            licence=about.licence or UNSTATED_LICENCE,
            attribution=about.attribution or UNSTATED_ATTRIBUTION,
        )
    dataset = replace(dataset, about=about)
    check_labels(dataset)
    if absent := absent_classes(dataset, "test"):
        watch.say(
            f"warning: {absent} of {len(about.classes)} classes cannot be judged on the "
            f"{len(dataset.test)} test labels: `safelight evaluate` will state no AUC"
        )
    report = leakage(dataset)
    for warning in report.warnings:
        watch.say(f"warning: {warning}")
    train, left_out = dataset.train, 0
    for other in (dataset.val, dataset.test):
        train, repeated = without_repeats_of(train, other)
        left_out += repeated
    if left_out:
        watch.say(f"{left_out} training images that other splits hold are left out")
    assert dataset.origin is not None
    origin = replace(dataset.origin, learned=input_digests(train))
    dataset = replace(dataset, train=train, origin=origin)
    check_labels(dataset)
    return dataset


def _opened(config: DataConfig, watch: Watch) -> Dataset:
    def reading(done: int, total: int) -> None:
        watch.progress("reading images", done, total)

    if config.name == "wdbc":
        return opened(None, Selection())
    side = config.size or LARGEST_SIDE
    if config.name:
        path, selection = medmnist.find_or_download(config.name), Selection("medmnist")
    else:
        path = Path(config.path)
        selection = Selection(size=config.size, fold=config.fold, finding=config.finding)
    return opened(path, selection, reading, side=side)
