"""The VOI LUT: physical values to brightness in [0, 1] (PS3.3 C.11.2).

The standard maps onto an output range of the device; ours is 0 to 1 everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from safelight.errors import ImageError
from safelight.imaging.image import Pixels
from safelight.imaging.lookup_table import LookupTable

WindowFunction = Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"]


@dataclass(frozen=True)
class WindowLut:
    """A window of ``width`` around ``center``, in units of the modality LUT's output.

    **Source**: PS3.3 C.11.2.1.2 (LINEAR), C.11.2.1.3.1 (SIGMOID), C.11.2.1.3.2 (LINEAR_EXACT).
    """

    center: float
    width: float
    function: WindowFunction = "LINEAR"

    def __post_init__(self) -> None:
        if not self.is_allowed(self.center, self.width, self.function):
            raise ImageError("the window is not allowed", hint="its width must be at least 1")

    @staticmethod
    def is_allowed(center: float, width: float, function: str) -> bool:
        """Whether the standard allows these values: LINEAR needs a width of at least 1."""
        if not (np.isfinite(center) and np.isfinite(width)):
            return False
        if function == "LINEAR":
            return width >= 1.0
        return function in ("LINEAR_EXACT", "SIGMOID") and width > 0.0

    def apply(self, values: Pixels) -> Pixels:
        """Brightness in [0, 1]."""
        if self.function == "SIGMOID":
            exponent = np.clip(-4.0 * (values - self.center) / self.width, -700.0, 700.0)
            return 1.0 / (1.0 + np.exp(exponent))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0.0, 1.0)
        if self.width == 1.0:
            return np.where(values <= self.center - 0.5, 0.0, 1.0)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1.0) + 0.5, 0.0, 1.0)

    def __str__(self) -> str:
        return f"VOI LUT: {self.function} window, center {self.center:g}, width {self.width:g}"


@dataclass(frozen=True)
class VoiTable:
    """Brightness is tabled."""

    table: LookupTable

    def apply(self, values: Pixels) -> Pixels:
        """Brightness in [0, 1]."""
        return self.table.apply(values) / self.table.largest

    def __str__(self) -> str:
        return f"VOI LUT: table of {self.table.entries.size}"


@dataclass(frozen=True)
class FullRange:
    """No VOI LUT in the file: ``low`` shows black and ``high`` white."""

    low: float
    high: float

    def apply(self, values: Pixels) -> Pixels:
        """Brightness in [0, 1]; all black where the range is empty."""
        if not self.high > self.low:
            return np.zeros_like(values)
        # divided separately, so that a range as wide as float64's own does not overflow
        half_span = self.high / 2 - self.low / 2
        return np.clip((values / 2 - self.low / 2) / half_span, 0.0, 1.0)

    def __str__(self) -> str:
        return "VOI LUT: none; the full range"


VoiLut = WindowLut | VoiTable | FullRange
