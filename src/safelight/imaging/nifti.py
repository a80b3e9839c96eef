"""NIfTI-1 and NIfTI-2 volumes, plain or gzipped, to images.

A frame is a slice across the third axis; further axes (time, components) count on, so that frame
``k`` of a volume ``[x, y, z, t]`` is slice ``k mod z`` at time ``k div z``. Rows are y and columns
x, in the order stored: nothing is flipped or reoriented, whatever the affine says, so that every
client gives a model the same picture.
"""

from __future__ import annotations

import numpy as np

from safelight.errors import ImageError
from safelight.imaging.bounded_inflate import GZIP_WBITS, inflate, inflate_start
from safelight.imaging.file_format import FileFormat, sniff
from safelight.imaging.image import Image, Pixels, Samples, ValueScale
from safelight.imaging.limits import MAX_INFLATED_BYTES, check_frame_size, check_sample_count
from safelight.imaging.load import FrameChoice, chosen_frame
from safelight.imaging.nifti_header import NIFTI2_BYTES, NiftiHeader, parse_nifti_header
from safelight.imaging.voi_lut import FullRange

# After the last sample a file may carry padding; more is not what the header describes.
_MAX_TRAILING_BYTES = 2**20
_RGB_MAX = 255


def load_nifti_image(content: bytes, *, frame: FrameChoice, value_scale: ValueScale) -> Image:
    """The image in a NIfTI file; see `safelight.imaging.load.load_image`.

    The default frame is the middle slice. For ``display`` the header's ``cal_min`` and
    ``cal_max`` show black and white, else the smallest and largest value of the whole volume.
    """
    header, samples = _read(content)
    frame_axes = samples.shape[-3:] if header.is_colour else samples.shape[-2:]
    stack = samples.reshape((-1, *frame_axes))
    index = chosen_frame(frame, len(stack), default=len(stack) // 2)
    selected = stack if index is None else stack[index]
    check_sample_count(selected.shape)
    pixels, steps = _values(header, samples, selected, value_scale)
    which = f"all {len(stack)} slices" if index is None else f"slice {index} of {len(stack)}"
    return Image(
        pixels=pixels,
        value_scale=value_scale,
        has_frames=index is None,
        frame_count=len(stack),
        photometric="RGB" if header.is_colour else "MONOCHROME2",
        source_format=sniff(content),
        spacing_mm=header.spacing_mm,
        provenance=("NIfTI", which, *steps),
    )


def load_nifti_samples(content: bytes) -> Samples:
    """The samples as stored, axes (x, y, z, …); for RGB24 the colour is the last axis."""
    header, samples = _read(content)
    if header.is_colour:
        return np.moveaxis(samples.T, 0, -1)
    return samples.T


def _read(content: bytes) -> tuple[NiftiHeader, Samples]:
    """The header and the samples with axes reversed: (…, z, y, x), colour last."""
    gzipped = sniff(content) is FileFormat.NIFTI_GZIP
    start = (
        inflate_start(content, wbits=GZIP_WBITS, size_bytes=NIFTI2_BYTES)
        if gzipped
        else content[:NIFTI2_BYTES]
    )
    header = parse_nifti_header(start)
    check_frame_size(header.shape[1], header.shape[0])
    needed = header.data_offset + header.data_bytes
    if needed > MAX_INFLATED_BYTES:
        raise ImageError(
            f"the volume needs {needed} bytes, more than the limit of {MAX_INFLATED_BYTES}",
            hint="crop or split the volume",
        )
    if gzipped:
        content = inflate(content, wbits=GZIP_WBITS, limit_bytes=needed + _MAX_TRAILING_BYTES)
    if len(content) < needed:
        raise ImageError(
            f"the volume needs {needed} bytes and the file has {len(content)}",
            hint="the file is cut short; copy or convert it again",
        )
    count = header.data_bytes // header.dtype.itemsize
    samples = np.frombuffer(content, header.dtype, count=count, offset=header.data_offset)
    axes = tuple(reversed(header.shape))
    return header, samples.reshape((*axes, 3) if header.is_colour else axes)


def _values(
    header: NiftiHeader,
    volume: Samples,
    selected: Samples,
    value_scale: ValueScale,
) -> tuple[Pixels, tuple[str, ...]]:
    if header.is_colour:
        if value_scale != "display":
            raise ImageError("a colour volume has no physical values", hint="give a grey volume")
        return selected.astype(np.float64) / _RGB_MAX, (f"divided by {_RGB_MAX}",)
    steps = [f"slope {header.slope:g}, intercept {header.intercept:g}"]
    if header.dtype.kind == "f":
        selected, filled = _without_nan(volume, selected)
        steps += [f"{filled} voxels without value set to the smallest"] if filled else []
    with np.errstate(over="ignore", invalid="ignore"):
        # overflow leaves infinities, which the image refuses
        values = _scaled(header, selected)
        if value_scale == "hounsfield":
            steps.append("taken for Hounsfield units on the caller's word")
        if value_scale != "display":
            return values, tuple(steps)
        extremes = _scaled(header, np.array([np.nanmin(volume), np.nanmax(volume)]))
        low, high = header.display_range or (float(extremes.min()), float(extremes.max()))
        brightness = FullRange(low, high).apply(values)
    stated = "stated by the header" if header.display_range else "the volume's own"
    return brightness, (*steps, f"range {stated}")


def _without_nan(volume: Samples, selected: Samples) -> tuple[Samples, int]:
    """NaN replaced by the volume's smallest value, and how many there were.

    SPM and others write NaN outside the brain; infinite values stay and are refused.
    """
    missing = np.isnan(selected)
    if np.isnan(volume).all():
        raise ImageError("the volume has no values", hint="convert it again")
    if not missing.any():
        return selected, 0
    return np.where(missing, np.nanmin(volume), selected), int(missing.sum())


def _scaled(header: NiftiHeader, stored: Samples) -> Pixels:
    values: Pixels = stored.astype(np.float64) * header.slope + header.intercept
    return values
