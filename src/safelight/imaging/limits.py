"""Sizes above which we refuse, each with its reason, and the refusals themselves."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from safelight.errors import ImageError

MAX_FILE_BYTES = 2**30
"""1 GiB: a tomosynthesis series in one file stays below it; whole-slide pyramids are not for us."""

MAX_PIXELS = 2**26
"""One frame of 8192 × 8192: twice the largest mammogram (about 30 megapixels). Below Pillow's own
bomb limit of 89 megapixels."""

MAX_SAMPLES = 2**28
"""All values decoded at once, over frames and channels: 2 GiB as float64."""

MAX_INFLATED_BYTES = 2**31
"""What a gzip or deflate stream may expand to: twice the largest file read without compression."""

MAX_TABLE_BYTES = 2**26
"""64 MiB of text: a hundred thousand records of 30 features."""


def check_frame_size(rows: int, columns: int) -> None:
    """Refuses a frame without pixels or with more than `MAX_PIXELS`, before it is decoded."""
    if rows < 1 or columns < 1:
        raise ImageError(
            f"the image has no pixels: {rows} rows and {columns} columns",
            hint="the file is damaged or is not an image; export it again",
        )
    if rows * columns > MAX_PIXELS:
        raise ImageError(
            f"the image has {rows} × {columns} pixels, more than the limit of {MAX_PIXELS}",
            hint="reduce the image, or crop the region of interest, before it is read",
        )


def check_sample_count(shape: Sequence[int]) -> None:
    """Refuses an array of more than `MAX_SAMPLES` values, before it is decoded."""
    if prod(shape) > MAX_SAMPLES:
        raise ImageError(
            f"{prod(shape)} values at once are more than the limit of {MAX_SAMPLES}",
            hint="choose one frame instead of all",
        )
