"""Images or records of one split with their labels and, where known, their patients."""

from __future__ import annotations

import hashlib
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
        digests: `digests_of` the inputs as they were stored, where they were reduced since or
            digested while they were read; None to take them of ``inputs``.

    **Security**: patients are used to keep splits apart and are never printed or stored.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64]
    patients: NDArray[np.str_] | None = None
    digests: NDArray[np.uint8] | None = None

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
        digests = None if self.digests is None else self.digests[chosen]
        return Split(self.inputs[chosen], self.labels[chosen], patients, digests)

    def input_digests(self) -> NDArray[np.uint8]:
        """uint8 ``[n, 32]`` of each input as it was stored."""
        return digests_of(self.inputs) if self.digests is None else self.digests

    def __add__(self, other: Split) -> Split:
        """Both, one after the other."""
        known = self.patients is not None and other.patients is not None
        digested = self.digests is not None or other.digests is not None
        return Split(
            np.concatenate([self.inputs, other.inputs]),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.patients, other.patients]) if known else None,
            np.concatenate([self.input_digests(), other.input_digests()]) if digested else None,
        )


def digests_of(inputs: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 ``[n, 32]``: SHA-256 of each input's bytes."""
    joined = b"".join(hashlib.sha256(record.tobytes()).digest() for record in inputs)
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(inputs), hashlib.sha256().digest_size)


def without_repeats_of(split: Split, other: Split) -> tuple[Split, int]:
    """``split`` without the inputs that ``other`` holds byte for byte, and how many they were.

    An input in two splits lets a model be judged on what it has learned by heart.
    """
    known = {row.tobytes() for row in other.input_digests()}
    fresh = np.array([row.tobytes() not in known for row in split.input_digests()], dtype=bool)
    return split.where(fresh), int((~fresh).sum())
