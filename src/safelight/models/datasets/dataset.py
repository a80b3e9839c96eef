"""A data set as training and evaluation see it: three splits and what they are about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from safelight.errors import InputError
from safelight.models.datasets.label_codes import in_words
from safelight.models.datasets.origin import Origin
from safelight.models.datasets.split import Split

Task = Literal["binary", "multi-class", "multi-label", "ordinal"]
"""What a label is: one of two classes, one of several, any of several, one of ordered grades."""

Kind = Literal[
    "chest-xray", "fundus", "ultrasound", "microscopy", "dermatoscopy", "oct", "ct", "record", ""
]
"""What is pictured, which decides the changes that a diagnosis must not depend on."""


@dataclass(frozen=True)
class About:
    """What a data set is, for its model's card.

    Args:
        title: Its full name.
        task: What its labels are.
        classes: Names, in the order of the labels.
        features: Names of a record's numbers, in order; empty for images.
        positive: Of a binary task the class that is the finding; the second if empty.
        licence: As its owner states it; empty where unknown.
        attribution: Whom to name.
        source: Where it is to be had.
        kind: What is pictured; empty where unknown.
        md5: Of the file it was read from, hex; empty where it is not one file.
    """

    title: str
    task: Task
    classes: tuple[str, ...]
    licence: str = ""
    attribution: str = ""
    source: str = ""
    kind: Kind = ""
    md5: str = ""
    positive: str = ""
    features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.classes) < (1 if self.task == "multi-label" else 2):
            raise InputError(
                f"{self.title} has {len(self.classes)} classes",
                hint="a diagnosis needs at least two classes, or one finding of a multi-label task",
            )
        if self.positive and self.positive not in self.classes:
            raise InputError(f"{self.positive!r} is not a class of {self.title}")
        if self.task == "binary" and len(self.classes) != 2:
            raise InputError(f"{self.title} has {len(self.classes)} classes for a binary task")

    @property
    def finding(self) -> str:
        """The class that sensitivity speaks of."""
        return self.positive or self.classes[-1]

    @property
    def logits(self) -> int:
        """How many numbers a network answers."""
        return 1 if self.task == "binary" else len(self.classes)


@dataclass(frozen=True)
class Dataset:
    """The three splits of one data set.

    Args:
        name: Short, such as ``pneumoniamnist``.
        train: For fitting.
        val: For every choice.
        test: Read once, at the end.
        about: Task, classes, licence.
        origin: Where it was read from; None where it was made in memory.
        notes: What a person has to know of how it was read.
    """

    name: str
    train: Split
    val: Split
    test: Split
    about: About
    origin: Origin | None = None
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> dict[str, Split]:
        """By name."""
        return {"train": self.train, "val": self.val, "test": self.test}

    def with_about(self, **changes: str) -> Dataset:
        """The same data, other words about it (such as a licence that the file does not state)."""
        return replace(self, about=replace(self.about, **changes))  # type: ignore[arg-type]


def absent_classes(dataset: Dataset, split: str) -> int:
    """How many classes no label of a split names, or of several findings every label or none."""
    labels = dataset.splits[split].labels
    if dataset.about.task == "multi-label":
        return int((labels.min(axis=0) == labels.max(axis=0)).sum())
    return len(dataset.about.classes) - np.unique(labels).size


def check_labels(dataset: Dataset) -> None:
    """Refuses what nothing can be learned or judged from.

    Raises:
        InputError: An empty split, labels outside the classes, one class only in training or
            validation, a class or a finding that no training label names.
    """
    about, count = dataset.about, len(dataset.about.classes)
    for name, split in dataset.splits.items():
        labels = split.labels
        if not len(labels):
            raise InputError(f"the {name} split of {dataset.name} is empty")
        several = about.task == "multi-label"
        if labels.ndim != (2 if several else 1) or (several and labels.shape[1] != count):
            raise InputError(
                f"{name} labels of {dataset.name} have shape {list(labels.shape)}, which does not "
                f"fit a {about.task} task with {count} classes"
            )
        highest = 2 if several else count
        if labels.min() < 0 or labels.max() >= highest:
            raise InputError(
                f"{name} labels of {dataset.name} reach from {labels.min()} to {labels.max()}, "
                f"outside 0 … {highest - 1}",
                hint="number the classes from 0",
            )
        if name == "test":
            continue
        if several:
            constant = np.flatnonzero(labels.min(axis=0) == labels.max(axis=0))
            if len(constant) == count:
                raise InputError(f"no finding varies in the {name} split of {dataset.name}")
            if name == "train" and len(constant):
                raise InputError(
                    f"{len(constant)} of {count} findings of {dataset.name} are the same in all "
                    f"{len(labels)} training labels: columns {in_words(constant.tolist())}",
                    hint="leave these columns out: nothing can be learned of them",
                )
            continue
        named = np.unique(labels)
        if named.size < 2:
            raise InputError(
                f"the {name} labels of {dataset.name} hold one class only",
                hint="check the label column; both classes are needed to learn and to judge",
            )
        if name == "train" and named.size < count:
            missing = set(range(count)) - set(named.tolist())
            raise InputError(
                f"{len(missing)} of the classes 0 … {count - 1} of {dataset.name} have no training "
                f"label: {in_words(missing)}",
                hint="number the classes from 0 without gaps, each with images in training",
            )
