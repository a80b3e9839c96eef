"""Preprocessing steps: small frozen records that say what happens to an image or a record.

Each knows its name in JSON, checks its parameters when it is made, and applies itself to float64
``[C, H, W]`` (`Standardize`: to features). docs/preprocessing.md is their reference for other
languages.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from safelight.errors import ImageError, MalformedError, RecordError
from safelight.imaging.image import Pixels
from safelight.imaging.resampling import resize

MAX_SIDE = 4096
"""Of a resized image: 16 megapixels are more than any program's slots."""
MAX_FEATURES = 65536
"""More than the slots of the largest ring."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601-7, 2.5.1)."""


def _check_finite(step: str, *values: float) -> None:
    if not all(math.isfinite(value) for value in values):
        raise MalformedError(f"{step} has a parameter that is not a finite number")


@dataclass(frozen=True)
class Greyscale:
    """Colour to one channel: ``(0.299 R + 0.587 G) + 0.114 B``; grey stays as it is."""

    NAME: ClassVar[str] = "greyscale"

    def apply(self, planes: Pixels) -> Pixels:
        """``[3, H, W]`` or ``[1, H, W]`` to ``[1, H, W]``."""
        if planes.shape[0] == 1:
            return planes
        red, green, blue = LUMA
        luma: Pixels = (red * planes[0] + green * planes[1]) + blue * planes[2]
        return luma[np.newaxis]


@dataclass(frozen=True)
class Colour:
    """Grey to three equal channels; colour stays as it is."""

    NAME: ClassVar[str] = "colour"

    def apply(self, planes: Pixels) -> Pixels:
        """``[1, H, W]`` or ``[3, H, W]`` to ``[3, H, W]``."""
        return np.repeat(planes, 3, axis=0) if planes.shape[0] == 1 else planes


@dataclass(frozen=True)
class CenterCropSquare:
    """The largest square, with the odd row or column left out at the bottom or right."""

    NAME: ClassVar[str] = "center_crop_square"

    def apply(self, planes: Pixels) -> Pixels:
        """``[C, H, W]`` to ``[C, S, S]``, S the smaller side."""
        height, width = planes.shape[1:]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return planes[:, top : top + side, left : left + side]


@dataclass(frozen=True)
class Resize:
    """Antialiased resizing, `safelight.imaging.resampling`."""

    height: int
    width: int
    NAME: ClassVar[str] = "resize"

    def __post_init__(self) -> None:
        if not (1 <= self.height <= MAX_SIDE and 1 <= self.width <= MAX_SIDE):
            raise MalformedError(f"resize to {self.height} × {self.width} is not in 1 … {MAX_SIDE}")

    def apply(self, planes: Pixels) -> Pixels:
        """``[C, H, W]`` to ``[C, height, width]``."""
        return resize(planes, self.height, self.width)


@dataclass(frozen=True)
class Window:
    """Hounsfield units to [0, 1]: ``clip((x − center) / width + 0.5)``.

    The LINEAR_EXACT function of PS3.3 C.11.2.1.3.2.
    """

    center_hu: float
    width_hu: float
    NAME: ClassVar[str] = "window"

    def __post_init__(self) -> None:
        _check_finite("window", self.center_hu, self.width_hu)
        if self.width_hu <= 0.0:
            raise MalformedError("window has a width that is not positive")

    def apply(self, planes: Pixels) -> Pixels:
        """The shape stays."""
        return np.clip((planes - self.center_hu) / self.width_hu + 0.5, 0.0, 1.0)


@dataclass(frozen=True)
class ScaleRange:
    """[0, 1] onto [low, high]: ``low + x · (high − low)``; nothing is clipped."""

    low: float
    high: float
    NAME: ClassVar[str] = "scale_range"

    def __post_init__(self) -> None:
        _check_finite("scale_range", self.low, self.high)
        if not self.low < self.high:
            raise MalformedError("scale_range has a low end that is not below the high one")

    def apply(self, planes: Pixels) -> Pixels:
        """The shape stays."""
        return self.low + planes * (self.high - self.low)


@dataclass(frozen=True)
class Normalize:
    """``(x − mean) / std`` for each channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    NAME: ClassVar[str] = "normalize"

    def __post_init__(self) -> None:
        _check_finite("normalize", *self.mean, *self.std)
        if len(self.mean) not in (1, 3) or len(self.mean) != len(self.std):
            raise MalformedError("normalize needs one or three means and as many deviations")
        if min(self.std) <= 0.0:
            raise MalformedError("normalize has a deviation that is not positive")

    def apply(self, planes: Pixels) -> Pixels:
        """The shape stays."""
        if planes.shape[0] != len(self.mean):
            raise ImageError(
                f"the image has {planes.shape[0]} channels where the model takes {len(self.mean)}",
                hint="give a grey image to a grey model and a colour one to a colour model",
            )
        return (planes - _per_channel(self.mean)) / _per_channel(self.std)


@dataclass(frozen=True)
class Flatten:
    """``[C, H, W]`` to one row of numbers: channel by channel, row by row, left to right."""

    NAME: ClassVar[str] = "flatten"

    def apply(self, planes: Pixels) -> Pixels:
        """To ``[C · H · W]``."""
        return planes.reshape(-1)


@dataclass(frozen=True)
class Standardize:
    """``(x − mean) / scale`` for each feature of a record."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    NAME: ClassVar[str] = "standardize"

    def __post_init__(self) -> None:
        _check_finite("standardize", *self.mean, *self.scale)
        if not 1 <= len(self.mean) <= MAX_FEATURES or len(self.mean) != len(self.scale):
            raise MalformedError("standardize needs as many means as scales, and at least one")
        if min(self.scale) <= 0.0:
            raise MalformedError("standardize has a scale that is not positive")

    def apply(self, features: Pixels) -> Pixels:
        """``[F]`` or ``[records, F]``; the shape stays."""
        if features.shape[-1] != len(self.mean):
            raise RecordError(
                f"the record has {features.shape[-1]} features where the model takes "
                f"{len(self.mean)}",
                hint="leave out identifiers and labels, and give the features in their order",
            )
        standardized: Pixels = (features - np.array(self.mean)) / np.array(self.scale)
        return standardized


def _per_channel(values: Sequence[float]) -> Pixels:
    return np.array(values)[:, np.newaxis, np.newaxis]


ImageStep = (
    Greyscale | Colour | CenterCropSquare | Resize | Window | ScaleRange | Normalize | Flatten
)
Step = ImageStep | Standardize
STEP_TYPES: tuple[type[Step], ...] = (
    Greyscale, Colour, CenterCropSquare, Resize, Window, ScaleRange, Normalize, Flatten,
    Standardize,
)  # fmt: skip
