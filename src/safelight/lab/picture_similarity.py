"""How much of a picture another picture shows: SSIM, PSNR, perceptual hash distance.

**Source**: Wang et al. 2004 (SSIM, with the Gaussian window of the paper); Zauner 2010 (pHash).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from safelight.lab.extras import extra

_HASH_SIDE = 8  # pHash's own: 64 bits
HASH_BITS = _HASH_SIDE * _HASH_SIDE
UInt8Image = NDArray[np.uint8]


def structural_similarity(first: UInt8Image, second: UInt8Image) -> float:
    """Mean SSIM of two uint8 images of one shape, -1 to 1; 1 for the same picture."""
    metrics = extra("skimage.metrics", "lab")
    return float(
        metrics.structural_similarity(
            first,
            second,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1 if first.ndim == 3 else None,
        )
    )


def peak_signal_to_noise_db(first: UInt8Image, second: UInt8Image) -> float:
    """PSNR of two uint8 images in decibels; infinite for the same picture."""
    error = float(np.mean((first.astype(np.float64) - second) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def perceptual_hash_distance(first: UInt8Image, second: UInt8Image) -> int:
    """Bits of 64 in which the images' pHash differs; unrelated pictures come at about 32."""
    imagehash, pillow = extra("imagehash", "lab"), extra("PIL.Image", "lab")
    hashes = [imagehash.phash(pillow.fromarray(p), _HASH_SIDE) for p in (first, second)]
    return int(hashes[0] - hashes[1])
