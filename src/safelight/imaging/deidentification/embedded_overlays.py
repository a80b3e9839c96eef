"""Overlays of the retired kind, in bits of the pixel cells that the image does not use.

Removing the overlay's attributes would leave its bits, and with them whatever was drawn or
written there.

**Source**: DICOM PS3.5-2004 8.1.2, PS3.3-2004 C.9.2 (retired).
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset

_GROUPS = range(0x6000, 0x6020, 2)
_BIT_POSITION, _DATA = 0x0102, 0x3000


def has_embedded_overlay(dataset: Dataset) -> bool:
    """Whether an overlay is declared whose data is not in an attribute of its own."""
    return any(
        int(dataset[group, _BIT_POSITION].value or 0) > 0 and (group, _DATA) not in dataset
        for group in _GROUPS
        if (group, _BIT_POSITION) in dataset
    )


def clear_unused_bits(dataset: Dataset, *, little_endian: bool) -> bool:
    """Clears the bits of uncompressed pixel cells that the image does not use.

    Signed values are extended by their sign, as writers do, so that every decoder reads the same
    numbers as before.

    Returns:
        False where it cannot be done: cells of other widths than 8 and 16 bits.
    """
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high, signed = int(dataset.HighBit), bool(dataset.PixelRepresentation)
    if allocated not in (8, 16) or not 0 < stored <= high + 1 <= allocated:
        return False
    order = "<" if little_endian else ">"
    data = dataset.PixelData
    whole = len(data) - len(data) % (allocated // 8)
    cells = np.frombuffer(data[:whole], f"{order}u{allocated // 8}").astype(np.uint16)
    # to the top, so that everything above falls off, and back, with the sign where there is one
    left = 16 - 1 - high
    shifted = (cells << left) & ~np.uint16((1 << (16 - stored)) - 1)
    if signed:
        shifted = (shifted.view(np.int16) >> left).view(np.uint16)
    else:
        shifted >>= left
    dataset.PixelData = shifted.astype(f"{order}u{allocated // 8}").tobytes() + data[whole:]
    return True
