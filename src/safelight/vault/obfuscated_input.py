"""Preprocessed images to what the service sees at the level `obfuscated`.

1. Eight bits a pixel, at the size that the network takes.
2. JPEG 2000 and back, at the transformation's ratio.
3. The keyed transformation of blocks and pixels.

Compression comes first because it would find nothing to compress afterwards; it acts on the image
at the network's size, so that training and diagnosis lose the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.imaging.jpeg2000_round_trip import round_trip
from safelight.vault.obfuscation_key import ObfuscationKey
from safelight.wire.transformation import LOSSLESS, Transformation

LARGEST_VALUE = 255


def obfuscated_images(
    images: NDArray[np.float64], key: ObfuscationKey, transformation: Transformation
) -> NDArray[np.uint8]:
    """Obfuscated images, uint8 ``[n, rows, columns]``.

    Args:
        images: Brightness in 0 … 1, ``[n, 1, rows, columns]``.
        key: Of the transformation.
        transformation: Block and ratio.

    Raises:
        InputError: Another key than the transformation names, another shape or range.
    """
    if key.key_id != transformation.key_id:
        raise InputError(
            f"the network is for images under the obfuscation key "
            f"{transformation.key_id.hex()}, not {key.key_id.hex()}",
            hint="give the key file that it was trained with",
        )
    if images.ndim != 4 or images.shape[1] != 1 or not len(images):
        raise InputError(
            f"images of shape {list(images.shape[1:])}, where one grey channel is obfuscated"
        )
    if not (images.min() >= 0.0 and images.max() <= 1.0):
        raise InputError("an image is not brightness in 0 to 1")
    pixels = np.rint(LARGEST_VALUE * images[:, 0]).astype(np.uint8)
    if transformation.jpeg2000_ratio > LOSSLESS:  # without loss it changes nothing
        pixels = np.stack([round_trip(each, transformation.jpeg2000_ratio) for each in pixels])
    return key.obfuscation(pixels.shape[1:], transformation.block).apply(pixels)
