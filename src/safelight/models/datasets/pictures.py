"""Image files of a data set to the bytes that training reads, by a client's own steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.errors import ImageError, InputError
from safelight.imaging import Preprocessing, load_image
from safelight.imaging.steps import CenterCropSquare, Greyscale, Resize

Watch = Callable[[int, int], None]
"""Told how many of how many images are read."""


def grey_squares(paths: Sequence[Path], size: int, watch: Watch | None = None) -> NDArray[np.uint8]:
    """uint8 ``[n, size, size]``: greyscale, central square, antialiased resizing, 8 bits.

    Args:
        paths: The image files.
        size: Side in pixels.
        watch: For progress.

    Raises:
        InputError: A file that is missing or damaged, with its name.
    """
    steps = Preprocessing((Greyscale(), CenterCropSquare(), Resize(size, size)))
    images = np.empty((len(paths), size, size), dtype=np.uint8)
    for index, path in enumerate(paths):
        try:
            image = load_image(path)
        except ImageError as exc:
            raise InputError(
                f"{path.name} of the data set cannot be read: {exc.message}", hint=exc.hint
            ) from exc
        images[index] = np.round(steps.apply(image)[0] * 255)
        if watch is not None:
            watch(index + 1, len(paths))
    return images
