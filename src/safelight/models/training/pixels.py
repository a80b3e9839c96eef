"""Images (or records) as training reads them, and the steps by which a client gets there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from safelight.errors import InputError

LUNG_WINDOW_HU = (-400.0, 1600.0)
"""Centre and width for CT that is kept in Hounsfield units."""
_LEAST_STD = 0.02  # of brightness: an all but constant channel must not explode
_BOUND_MARGIN = 1.05
_RECORD_MARGIN = 1.5  # records are not bounded as brightness is


@dataclass(frozen=True)
class Normalisation:
    """``(x − mean) / std`` for each channel, or each feature of a record.

    Args:
        mean: Of all training pixels of a channel, on 0 … 1; of a feature in its own unit.
        std: As ``mean``.
        window_hu: Centre and width where the images are in HU; None for brightness.
        reach: Of records, the largest magnitude after normalisation; 0 for images.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    window_hu: tuple[float, float] | None = None
    reach: float = 0.0

    @classmethod
    def of(
        cls, images: NDArray[Any], window_hu: tuple[float, float] = LUNG_WINDOW_HU
    ) -> Normalisation:
        """From training images or records."""
        if images.ndim == 2:
            centre, spread = images.mean(axis=0), images.std(axis=0)
            spread = np.where(spread > 0, spread, 1.0)
            reach = float(np.abs((images - centre) / spread).max())
            return cls(tuple(centre.tolist()), tuple(spread.tolist()), reach=reach)
        window = None if images.dtype == np.uint8 else window_hu
        values = pixels(images[:: max(1, len(images) // 20000)], window).float() / 255
        mean = [round(float(m), 4) for m in values.mean((0, 2, 3))]
        std = [round(max(float(s), _LEAST_STD), 4) for s in values.std((0, 2, 3))]
        return cls(tuple(mean), tuple(std), window)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalised images ``[batch, channels, height, width]`` of 0 … 1, or records."""
        shape = (1, -1) + (1,) * (images.dim() - 2)
        mean, std = torch.tensor(self.mean).view(shape), torch.tensor(self.std).view(shape)
        return (images - mean) / std

    @property
    def bound(self) -> float:
        """Largest magnitude of a normalised element that the model is made for."""
        if self.reach:
            return round(_RECORD_MARGIN * self.reach, 2)
        reach = max(max(m, 1 - m) / s for m, s in zip(self.mean, self.std, strict=True))
        return round(_BOUND_MARGIN * reach, 2)

    def preprocessing(self, shape: Sequence[int], *, framed: bool = True) -> dict[str, Any]:
        """The steps from a file to the network's input, as ``model.json`` has them.

        Args:
            shape: Channels, height, width.
            framed: Whether an image of any size is cut to a square and resized; else only images
                of this height and width fit.
        """
        if len(shape) == 1:
            return {
                "version": 1,
                "steps": [
                    {"step": "standardize", "mean": list(self.mean), "scale": list(self.std)}
                ],
            }
        steps: list[Mapping[str, Any]] = []
        if self.window_hu is not None:
            centre, width = self.window_hu
            steps.append({"step": "window", "center_hu": centre, "width_hu": width})
        steps.append({"step": "colour" if shape[0] == 3 else "greyscale"})
        if framed:
            steps.append({"step": "center_crop_square"})
            steps.append({"step": "resize", "height": shape[1], "width": shape[2]})
        steps.append({"step": "normalize", "mean": list(self.mean), "std": list(self.std)})
        return {"version": 1, "steps": steps}


def pixels(images: NDArray[Any], window_hu: tuple[float, float] | None = None) -> Tensor:
    """uint8 ``[n, channels, height, width]``, 255 for 1; records as float32 ``[n, features]``.

    Args:
        images: uint8 ``[n, height, width(, 3)]``, or int16 in HU; or records.
        window_hu: Centre and width for HU.

    Raises:
        InputError: Another shape or type.
    """
    if images.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(images, dtype=np.float32))
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != 3):
        raise InputError(
            f"images have shape {list(images.shape)}",
            hint="give [n, height, width] or [n, height, width, 3]",
        )
    if images.dtype != np.uint8:
        if window_hu is None:
            raise InputError(f"images are {images.dtype}, not uint8")
        centre, width = window_hu
        share = np.clip((images.astype(np.float32) - centre) / width + 0.5, 0, 1)
        images = np.round(share * 255).astype(np.uint8)
    array = images[..., None] if images.ndim == 3 else images
    return torch.from_numpy(np.ascontiguousarray(array.transpose(0, 3, 1, 2)))


def brightness(images: Tensor) -> Tensor:
    """float32, 0 … 1, of bytes; records as they are."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
