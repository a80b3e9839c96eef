"""DICOM lookup tables (PS3.3 C.11.1.1.1): stored value to tabled value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.errors import ImageError
from safelight.imaging.image import Pixels


@dataclass(frozen=True)
class LookupTable:
    """A table for consecutive input values.

    Args:
        first: Input value of the first entry; smaller inputs take the first entry, inputs beyond
            the table the last one.
        entries: Unsigned integers.
        bits: Of an entry, as the descriptor says.
    """

    first: int
    entries: NDArray[np.uint16]
    bits: int

    def __post_init__(self) -> None:
        if self.entries.ndim != 1 or self.entries.size == 0 or not 8 <= self.bits <= 16:
            raise ImageError(
                f"a lookup table of {self.entries.size} entries of {self.bits} bits is not allowed",
                hint="the file does not conform to PS3.3 C.11.1.1.1; export it again",
            )

    def apply(self, values: Pixels) -> Pixels:
        """The entries for the given values, rounded to the nearest input, as float64."""
        position = np.clip(np.rint(values) - self.first, 0, self.entries.size - 1)
        tabled: Pixels = self.entries[position.astype(np.int64)].astype(np.float64)
        return tabled

    @property
    def largest(self) -> int:
        """The value that shows white.

        The descriptor's bits say so; where an entry exceeds them (files that declare 8 bits and
        carry 16), the largest entry does.
        """
        declared: int = 2**self.bits - 1
        return max(declared, int(self.entries.max()))


def parse_lookup_table(
    descriptor: tuple[int, int, int], data: bytes | tuple[int, ...], *, little_endian: bool
) -> LookupTable:
    """A table from the values of its descriptor and its data.

    Args:
        descriptor: Number of entries (0 means 65536), first input value, bits an entry.
        data: As integers, or as the bytes of 16-bit words (of 8-bit ones, two a word, where there
            are exactly as many bytes as entries).
        little_endian: Byte order of ``data``.
    """
    count = descriptor[0] or 2**16
    if isinstance(data, bytes):
        if len(data) in (count, count + 1) and descriptor[2] <= 8:
            entries = np.frombuffer(data, np.uint8).astype(np.uint16)
        else:
            words = data[: len(data) // 2 * 2]
            entries = np.frombuffer(words, "<u2" if little_endian else ">u2").astype(np.uint16)
    else:
        if any(not 0 <= entry < 2**16 for entry in data):
            raise ImageError("a lookup table has entries beyond 16 bits", hint="export it again")
        entries = np.array(data, dtype=np.uint16)
    if not 0 < count <= entries.size:
        raise ImageError(
            f"a lookup table announces {count} entries and holds {entries.size}",
            hint="the file is damaged; export it again",
        )
    return LookupTable(first=descriptor[1], entries=entries[:count], bits=descriptor[2])
