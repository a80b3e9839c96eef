"""Images or records of one split with their labels and, where known, their patients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError


@dataclass(frozen=True)
class Split:
    """One split of a data set.

    Args:
        inputs: ``[n, …]``: uint8 images, int16 Hounsfield units or float64 records.
        labels: int64 ``[n]`` (one class each) or ``[n, findings]`` of 0 and 1 (several findings).
        patients: Pseudonyms ``[n]`` as the source gives them, None where it does not say.

    **Security**: patients are used to keep splits apart and are never printed or stored.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    patients: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.labels):
            raise InputError(f"{len(self.inputs)} inputs but {len(self.labels)} labels")
        if self.patients is not None and len(self.patients) != len(self.labels):
            raise InputError(f"{len(self.patients)} patients but {len(self.labels)} labels")

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: NDArray[Any]) -> Split:
        """The part that a mask or a list of positions chooses."""
        patients = None if self.patients is None else self.patients[chosen]
        return Split(self.inputs[chosen], self.labels[chosen], patients)

    def __add__(self, other: Split) -> Split:
        """Both, one after the other."""
        known = self.patients is not None and other.patients is not None
        return Split(
            np.concatenate([self.inputs, other.inputs]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.patients, other.patients]) if known else None,
        )


def without_repeats_of(split: Split, other: Split) -> tuple[Split, int]:
    """``split`` without the inputs that ``other`` holds byte for byte, and how many they were.

    An input in two splits lets a model be judged on what it has learned by heart.
    """
    known = {record.tobytes() for record in other.inputs}
    fresh = np.array([record.tobytes() not in known for record in split.inputs], dtype=bool)
    return split.where(fresh), int((~fresh).sum())
