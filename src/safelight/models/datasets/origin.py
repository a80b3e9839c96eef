"""Where a data set was read from, and digests by which the same splits are known again.

A model's ``model.json`` keeps the selection and the digests of whole splits; the path and the
digests of single inputs stay with whoever trained (``DIR/training``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.models.datasets.split import Split

Layout = Literal["", "medmnist", "nih-reduced", "nih", "kermany", "lidc", "wdbc"]
"""How a data set is stored; empty for: look at the path."""

LAYOUTS = ("", "medmnist", "nih-reduced", "nih", "kermany", "lidc", "wdbc")
INPUT_DIGEST_BYTES = 16  # of SHA-256: no two of a million inputs collide


@dataclass(frozen=True)
class Selection:
    """Which splits of which data set: the same selection of the same files gives the same bytes.

    Args:
        layout: How it is stored.
        file: Name of its file without the suffix; empty for a folder.
        size: Side that a folder's larger images are reduced to; 0 for the layout's own.
        fold: Of the LIDC nodules.
        finding: Of ChestX-ray14 against no finding; empty for all fourteen.
    """

    layout: Layout = ""
    file: str = ""
    size: int = 0
    fold: int = 0
    finding: str = ""

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Selection:
        """From what `dataclasses.asdict` gives.

        Raises:
            InputError: It is not such.
        """
        try:
            found = cls(**{name: document[name] for name in asdict(cls())})
        except KeyError as exc:
            raise InputError(f"the model's data selector has no {exc.args[0]!r}") from exc
        sound = found.layout in LAYOUTS and all(
            isinstance(getattr(found, name), type(default))
            for name, default in asdict(cls()).items()
        )
        if not sound:
            raise InputError("the model's data selector is damaged")
        return found


@dataclass(frozen=True, eq=False)
class Origin:
    """A selection as it was read.

    Args:
        selection: Which splits.
        path: The file or folder; None where the data came with a package.
        sha256: Of each whole split, hex, by its name.
        learned: `input_digests` of the training inputs that are left after repeats of other splits
            were removed; None before.
    """

    selection: Selection
    path: Path | None
    sha256: Mapping[str, str]
    learned: NDArray[np.uint8] | None = None

    def to_json(self) -> dict[str, Any]:
        """For ``model.json``: nothing of this machine, nothing of a single input."""
        return {**asdict(self.selection), "sha256": dict(self.sha256)}


class SplitDigest:
    """SHA-256 over inputs and labels, where the inputs come in parts.

    Args:
        shape: Of all inputs.
        dtype: Of them.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._found = hashlib.sha256(_head(shape, dtype))

    def add(self, inputs: NDArray[Any]) -> None:
        """The next ones."""
        self._found.update(np.ascontiguousarray(inputs).data)

    def hex(self, labels: NDArray[np.int64]) -> str:
        """After the last of them."""
        found = self._found.copy()
        found.update(_head(labels.shape, labels.dtype))
        found.update(np.ascontiguousarray(labels).data)
        return found.hexdigest()


def _head(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    return str((shape, dtype.str)).encode()


def split_digest(split: Split) -> str:
    """SHA-256 over inputs and labels, hex."""
    found = SplitDigest(split.inputs.shape, split.inputs.dtype)
    found.add(split.inputs)
    return found.hex(split.labels)


def input_digests(split: Split) -> NDArray[np.uint8]:
    """uint8 ``[n, 16]``: the beginning of SHA-256 of each input's bytes as it was stored."""
    return np.ascontiguousarray(split.input_digests()[:, :INPUT_DIGEST_BYTES])


def count_known(digests: NDArray[np.uint8], known: NDArray[np.uint8]) -> int:
    """How many of the first occur in the second."""
    seen = {row.tobytes() for row in known}
    return sum(row.tobytes() in seen for row in digests)
