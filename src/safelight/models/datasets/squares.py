"""Images of a set to small squares: what a client's preprocessing makes of them, to 8 bits.

A model's first steps are the central square and its resizing; training has to see the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.imaging.resampling import resize
from safelight.imaging.steps import CenterCropSquare
from safelight.models.datasets.dataset import Dataset

_AT_ONCE = 8  # planes: they stay in the processor's cache


def side_of(shape: tuple[int, ...], side: int) -> int:
    """Of the square that an image ``[height, width(, 3)]`` becomes; none is enlarged."""
    return min(*shape[:2], side)


def squares(images: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The central square of each image, reduced to ``side`` where it is larger.

    The same bits as `CenterCropSquare` and `Resize` of one image at a time, rounded to 8 bits:
    within half a grey level of what a client's preprocessing gives, exact where nothing is reduced.

    Args:
        images: uint8 ``[n, height, width(, 3)]``.
        side: In pixels.

    Returns:
        uint8 ``[n, s, s(, 3)]``, s as `side_of` has it.
    """
    made = side_of(images.shape[1:], side)
    colour = images.ndim == 4
    planes: Any = np.moveaxis(images, 3, 1) if colour else images[:, None]
    cropped: Any = CenterCropSquare().apply(planes.reshape(-1, *planes.shape[2:]))
    if cropped.shape[1] != made:
        cropped = np.concatenate(
            [
                _reduced(cropped[first : first + _AT_ONCE], made)
                for first in range(0, len(cropped), _AT_ONCE)
            ]
        )
    square = cropped.reshape(len(images), -1, made, made)
    return np.ascontiguousarray(np.moveaxis(square, 1, 3) if colour else square[:, 0])


def reduction(shape: tuple[int, ...], side: int) -> str:
    """What `squares` does to images ``[height, width(, 3)]``, for people; empty for nothing."""
    height, width = shape[:2]
    whole, made = min(height, width), side_of(shape, side)
    small = f"reduced to {made}×{made}" * (made < whole)
    if height == width:
        return f"images of {height}×{width} pixels are {small}" * bool(small)
    used = f"of images of {height}×{width} pixels the central {whole}×{whole} is used"
    return f"{used}, {small}" if small else used


def squared(dataset: Dataset, side: int) -> Dataset:
    """`squares` of all splits; records, and images in Hounsfield units, stay as they are."""
    inputs = dataset.train.inputs
    if inputs.ndim < 3 or inputs.dtype != np.uint8 or not reduction(inputs.shape[1:], side):
        return dataset
    parts = {
        name: replace(split, inputs=squares(split.inputs, side), digests=split.input_digests())
        for name, split in dataset.splits.items()
    }
    note = reduction(inputs.shape[1:], side)
    return replace(dataset, **parts, notes=(*dataset.notes, note))  # type: ignore[arg-type]


def _reduced(planes: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """``[n, s, s]`` to ``[n, side, side]``."""
    # along rows first, as `resize` does, but on transposed planes: a third of the time
    transposed = np.ascontiguousarray(planes.transpose(0, 2, 1)).astype(np.float64) / 255
    narrow = resize(transposed, side, planes.shape[1])
    whole = resize(np.ascontiguousarray(narrow.transpose(0, 2, 1)), side, side)
    found: NDArray[np.uint8] = np.round(whole * 255).astype(np.uint8)
    return found
