"""Stored DICOM samples to pixels: modality LUT, VOI LUT, inversion, palette (PS3.4 N.2).

Plain NumPy on plain data; `safelight.imaging.dicom` fills it in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safelight.errors import ImageError
from safelight.imaging.image import Pixels, Samples, ValueScale
from safelight.imaging.lookup_table import LookupTable
from safelight.imaging.modality_lut import ModalityLut
from safelight.imaging.voi_lut import FullRange, VoiLut

_EIGHT_BITS = 8


@dataclass(frozen=True)
class FrameAttributes:
    """What a data set says about the samples of one frame.

    Args:
        bits_stored: Of a sample.
        signed: Whether samples are in two's complement.
        inverted: Whether the smallest value shows white: MONOCHROME1, or a presentation LUT shape
            of INVERSE (both together invert once).
        modality_lut: To physical values.
        is_hounsfield: Whether those are Hounsfield units.
        voi_lut: To brightness, or None where the file has none.
        palette: Red, green and blue tables, for PALETTE COLOR.
        padding: Lowest and highest stored value that stand for "no tissue here".
    """

    bits_stored: int
    signed: bool
    inverted: bool
    modality_lut: ModalityLut
    is_hounsfield: bool
    voi_lut: VoiLut | None
    palette: tuple[LookupTable, LookupTable, LookupTable] | None
    padding: tuple[int, int] | None


def render_frame(
    stored: Samples, attributes: FrameAttributes, value_scale: ValueScale
) -> tuple[Pixels, tuple[str, ...]]:
    """The pixels of one frame, and the names of the transforms applied.

    Args:
        stored: ``[H, W]``, or ``[H, W, 3]`` already converted to RGB.
        attributes: Of this frame.
        value_scale: Wanted.

    Raises:
        ImageError: the image has no values on that scale.
    """
    colour = stored.ndim == 3 or attributes.palette is not None
    if colour and value_scale != "display":
        raise ImageError(
            "a colour image has no physical values",
            hint="this model works on values such as Hounsfield units; give a CT image",
        )
    if attributes.palette is not None:
        return _apply_palette(stored, attributes.palette)
    if colour:
        largest = 2**attributes.bits_stored - 1
        rgb = np.clip(stored.astype(np.float64) / largest, 0.0, 1.0)
        return rgb, (f"divided by {largest}",)
    if value_scale == "hounsfield" and not attributes.is_hounsfield:
        raise ImageError(
            "the image has no Hounsfield units",
            hint="give a CT image with its rescale slope and intercept",
        )
    values = attributes.modality_lut.apply(stored)
    if value_scale != "display":
        return values, (str(attributes.modality_lut),)
    voi_lut = attributes.voi_lut or _full_range(stored, values, attributes)
    brightness = voi_lut.apply(values)
    steps = (str(attributes.modality_lut), str(voi_lut))
    if attributes.inverted:
        return 1.0 - brightness, (*steps, "inverted")
    return brightness, steps


def _apply_palette(
    stored: Samples, palette: tuple[LookupTable, LookupTable, LookupTable]
) -> tuple[Pixels, tuple[str, ...]]:
    index = stored.astype(np.float64)
    largest = max(table.largest for table in palette)
    rgb = np.stack([table.apply(index) for table in palette], axis=-1) / largest
    return rgb, (f"palette of {palette[0].entries.size}",)


def _full_range(stored: Samples, values: Pixels, attributes: FrameAttributes) -> FullRange:
    """What shows black and white where the file does not say.

    Up to 8 bits, the whole range of the samples, so that an 8-bit DICOM image equals the PNG of
    the same samples. Above, the smallest and largest value of the frame, padding left out: 12-bit
    scanners and 16-bit containers fill an unknown part of their range.
    """
    if attributes.bits_stored <= _EIGHT_BITS and stored.dtype.kind in "ui":
        half = 2 ** (attributes.bits_stored - 1)
        samples = np.arange(-half, half) if attributes.signed else np.arange(2 * half)
        mapped = attributes.modality_lut.apply(samples)
        return FullRange(float(mapped.min()), float(mapped.max()))
    if attributes.padding is not None:
        low, high = attributes.padding
        tissue = values[(stored < low) | (stored > high)]
        values = tissue if tissue.size else values
    return FullRange(float(values.min()), float(values.max()))
