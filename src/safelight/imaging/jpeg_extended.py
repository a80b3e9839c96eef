"""Twelve-bit JPEG (process 4), which Pillow cannot decode and pydicom does not ask GDCM for.

GDCM carries the IJG decoder compiled for 12 bits. On the three such files of our test data it
stays within ±1 of another decoder, which is what ITU-T T.83 asks of a lossy codec.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import ImageError


def decode_jpeg_extended(codestream: bytes, *, rows: int, columns: int) -> NDArray[np.uint16]:
    """One monochrome frame ``[rows, columns]`` of 12-bit samples.

    Args:
        codestream: From the start-of-image marker to the end-of-image one.
        rows: As the data set says.
        columns: As the data set says.

    Raises:
        ImageError: the codestream cannot be decoded to that size.
    """
    import gdcm

    frame: Any = gdcm.Image()
    frame.SetNumberOfDimensions(2)
    frame.SetDimensions((columns, rows, 1))
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    frame.SetDataElement(element)
    frame.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    )
    frame.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    frame.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    # GDCM returns bytes as str
    samples = frame.GetBuffer().encode("utf-8", "surrogateescape")
    if len(samples) != rows * columns * 2:
        raise ImageError(
            f"12-bit JPEG of {rows} × {columns} decoded to {len(samples)} bytes",
            hint="the file is damaged; export it again",
        )
    decoded: NDArray[np.uint16] = np.frombuffer(samples, "<u2").reshape(rows, columns)
    return decoded.astype(np.uint16)
