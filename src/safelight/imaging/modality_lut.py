"""The modality LUT: stored values to physical ones, such as Hounsfield units (PS3.3 C.11.1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safelight.errors import ImageError
from safelight.imaging.image import Pixels, Samples
from safelight.imaging.lookup_table import LookupTable


@dataclass(frozen=True)
class Rescale:
    """``value = slope · stored + intercept``."""

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.intercept)) or self.slope == 0.0:
            raise ImageError(
                "the rescale slope and intercept are not usable numbers",
                hint="the file does not conform to PS3.3 C.11.1.1.2; export it again",
            )

    def apply(self, stored: Samples) -> Pixels:
        """The physical values, float64."""
        return stored.astype(np.float64) * self.slope + self.intercept

    def __str__(self) -> str:
        return f"modality LUT: slope {self.slope:g}, intercept {self.intercept:g}"


@dataclass(frozen=True)
class ModalityTable:
    """The physical values are tabled."""

    table: LookupTable

    def apply(self, stored: Samples) -> Pixels:
        """The physical values, float64."""
        return self.table.apply(stored.astype(np.float64))

    def __str__(self) -> str:
        return f"modality LUT: table of {self.table.entries.size}"


ModalityLut = Rescale | ModalityTable
