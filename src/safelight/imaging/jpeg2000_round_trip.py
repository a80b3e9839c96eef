"""What JPEG 2000 leaves of an image in memory: compressed and decoded again, at once."""

from __future__ import annotations

import io
import math

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from safelight.errors import ImageError

_MAX_RESOLUTIONS = 6  # OpenJPEG's usual number
_MIN_SIDE = 4  # of the smallest resolution


def round_trip(image: NDArray[np.uint8], ratio: int) -> NDArray[np.uint8]:
    """A grey image as it is after JPEG 2000.

    Args:
        image: uint8 ``[rows, columns]``.
        ratio: About how many times smaller the codestream shall be than the samples; 1 is
            lossless, by the reversible wavelet.

    Raises:
        ImageError: Not such an image, or a ratio below 1.
    """
    if image.ndim != 2 or image.dtype != np.uint8 or ratio < 1:
        raise ImageError(
            f"an array of {image.dtype} {list(image.shape)} at a ratio of {ratio} is not what "
            "JPEG 2000 is asked for here"
        )
    halvings = int(math.log2(max(1, min(image.shape) // _MIN_SIDE)))
    lossy = {"irreversible": True, "quality_mode": "rates", "quality_layers": [ratio]}
    codestream = io.BytesIO()
    PIL.Image.fromarray(image).save(
        codestream,
        "JPEG2000",
        no_jp2=True,
        num_resolutions=min(_MAX_RESOLUTIONS, 1 + halvings),
        **(lossy if ratio > 1 else {}),
    )
    codestream.seek(0)
    with PIL.Image.open(codestream, formats=("JPEG2000",)) as decoded:
        return np.asarray(decoded, dtype=np.uint8)
