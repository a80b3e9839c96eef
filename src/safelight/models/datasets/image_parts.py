"""The images of one split, read part by part: digested as they are stored, kept as squares.

A file at 224 pixels holds up to 16 GB of images, of which training needs a twelfth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.models.datasets.npz import StoredArray, errors_of
from safelight.models.datasets.origin import SplitDigest
from safelight.models.datasets.pictures import Watch
from safelight.models.datasets.split import digests_of
from safelight.models.datasets.squares import side_of, squares

_PART_BYTES = 32 << 20


@dataclass(frozen=True)
class ReadImages:
    """What is kept of a split's images.

    Args:
        images: uint8 ``[n, height, width(, 3)]``.
        digests: uint8 ``[n, 32]`` of each as it was stored.
        whole: Of all as they were stored; labels are to follow.
    """

    images: NDArray[np.uint8]
    digests: NDArray[np.uint8]
    whole: SplitDigest


def read_images(stored: StoredArray, *, side: int = 0, watch: Watch | None = None) -> ReadImages:
    """Reads the images of a split.

    Args:
        stored: uint8 ``[n, height, width(, 3)]``.
        side: Of the squares that are kept, see `squares`; 0 to keep the images as they are.
        watch: Told of images read, where they are many.

    Raises:
        InputError: Damaged, or more than the memory holds.
    """
    count, shape = stored.shape[0], stored.shape[1:]
    made = side_of(shape, side) if side else 0
    kept = (made, made, *shape[2:]) if side else shape
    with errors_of(stored.path):
        images = np.empty((count, *kept), dtype=np.uint8)
    digests = np.empty((count, 32), dtype=np.uint8)
    whole = SplitDigest(stored.shape, stored.dtype)
    done, at_once = 0, max(1, _PART_BYTES // math.prod(shape))
    for part in stored.parts(at_once):
        end = done + len(part)
        whole.add(part)
        digests[done:end] = digests_of(part)
        images[done:end] = squares(part, side) if side else part
        done = end
        if watch is not None and count > at_once:
            watch(done, count)
    return ReadImages(images, digests, whole)
