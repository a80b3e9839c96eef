"""The NIfTI-1 and NIfTI-2 headers, in a strict reading.

**Source**: nifti1.h and nifti2.h of the NIfTI Data Format Working Group.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from safelight.errors import ImageError

NIFTI1_BYTES = 348
NIFTI2_BYTES = 540
_EXTENSION_FLAG_BYTES = 4
_NIFTI1_SINGLE, _NIFTI1_PAIR = b"n+1\0", b"ni1\0"
_NIFTI2_SINGLE, _NIFTI2_PAIR = b"n+2\0\r\n\x1a\n", b"ni2\0\r\n\x1a\n"
_CIFTI_INTENTS = range(3000, 3100)
_MILLIMETRES = {1: 1000.0, 2: 1.0, 3: 0.001}
_SPACE_UNIT_MASK = 0x07
_RGB24 = 128
_DTYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", _RGB24: "u1",
    256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_HINT = "the file is damaged or is not NIfTI; convert it again"


@dataclass(frozen=True)
class NiftiHeader:
    """What is needed of a header.

    Args:
        shape: Axes x, y, z, … as stored: x runs fastest.
        dtype: Of a sample, with byte order.
        is_colour: Whether each voxel has red, green and blue.
        data_offset: Of the first sample, in bytes.
        slope: ``value = slope · stored + intercept``; 1 where the file asks for no scaling.
        intercept: See slope.
        display_range: Values for black and white, where the file states them.
        spacing_mm: Between rows (y) and between columns (x), where the unit of length is known.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_colour: bool
    data_offset: int
    slope: float
    intercept: float
    display_range: tuple[float, float] | None
    spacing_mm: tuple[float, float] | None

    @property
    def data_bytes(self) -> int:
        """Size of all samples."""
        return math.prod(self.shape) * self.dtype.itemsize * (3 if self.is_colour else 1)


@dataclass(frozen=True)
class _Fields:
    dims: tuple[int, ...]
    datatype: int
    bitpix: int
    pixdim: tuple[float, ...]
    vox_offset: float
    slope: float
    intercept: float
    cal_max: float
    cal_min: float
    units: int
    intent: int
    header_bytes: int


def parse_nifti_header(content: bytes) -> NiftiHeader:
    """The header at the start of a file.

    Raises:
        ImageError: not a single-file NIfTI header, or one that describes no image.
    """
    endian, fields = _read_fields(content)
    rank = fields.dims[0]
    dims = fields.dims[1 : rank + 1]
    if not 2 <= rank <= 7 or any(extent < 1 for extent in dims):
        raise ImageError("the NIfTI header's dimensions are not an image's", hint=_HINT)
    if fields.intent in _CIFTI_INTENTS:
        raise ImageError(
            "the NIfTI file is a CIFTI matrix, not an image", hint="give an image volume"
        )
    if fields.datatype not in _DTYPES:
        raise ImageError(
            f"NIfTI data type {fields.datatype} is not supported",
            hint="convert to an integer type, float32, float64 or RGB24",
        )
    dtype = np.dtype(endian + _DTYPES[fields.datatype])
    is_colour = fields.datatype == _RGB24
    if fields.bitpix != dtype.itemsize * 8 * (3 if is_colour else 1):
        raise ImageError("the NIfTI header's bits a voxel contradict its data type", hint=_HINT)
    slope, intercept = _scaling(fields)
    return NiftiHeader(
        shape=dims,
        dtype=dtype,
        is_colour=is_colour,
        data_offset=_data_offset(fields),
        slope=slope,
        intercept=intercept,
        display_range=_display_range(fields),
        spacing_mm=_spacing_mm(fields),
    )


def _read_fields(content: bytes) -> tuple[str, _Fields]:
    for endian in "<>":
        if len(content) < NIFTI1_BYTES:
            break
        size = struct.unpack_from(endian + "i", content)[0]
        if size == NIFTI1_BYTES:
            return endian, _nifti1_fields(content, endian)
        if size == NIFTI2_BYTES and len(content) >= NIFTI2_BYTES:
            return endian, _nifti2_fields(content, endian)
    raise ImageError("the file is cut short or is not NIfTI", hint=_HINT)


def _check_magic(magic: bytes, single: bytes, pair: bytes) -> None:
    if magic == pair:
        raise ImageError(
            "the NIfTI header belongs to a pair of files", hint="convert it to one .nii file"
        )
    if magic != single:
        raise ImageError("the file is not NIfTI (it may be Analyze)", hint=_HINT)


def _nifti1_fields(content: bytes, endian: str) -> _Fields:
    _check_magic(content[344:348], _NIFTI1_SINGLE, _NIFTI1_PAIR)

    def field(code: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(endian + code, content, offset)

    return _Fields(
        dims=field("8h", 40),
        intent=field("h", 68)[0],
        datatype=field("h", 70)[0],
        bitpix=field("h", 72)[0],
        pixdim=field("8f", 76),
        vox_offset=field("f", 108)[0],
        slope=field("f", 112)[0],
        intercept=field("f", 116)[0],
        units=field("B", 123)[0],
        cal_max=field("f", 124)[0],
        cal_min=field("f", 128)[0],
        header_bytes=NIFTI1_BYTES,
    )


def _nifti2_fields(content: bytes, endian: str) -> _Fields:
    _check_magic(content[4:12], _NIFTI2_SINGLE, _NIFTI2_PAIR)

    def field(code: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(endian + code, content, offset)

    return _Fields(
        datatype=field("h", 12)[0],
        bitpix=field("h", 14)[0],
        dims=field("8q", 16),
        pixdim=field("8d", 104),
        vox_offset=field("q", 168)[0],
        slope=field("d", 176)[0],
        intercept=field("d", 184)[0],
        cal_max=field("d", 192)[0],
        cal_min=field("d", 200)[0],
        units=field("i", 500)[0],
        intent=field("i", 504)[0],
        header_bytes=NIFTI2_BYTES,
    )


def _data_offset(fields: _Fields) -> int:
    first = fields.header_bytes + _EXTENSION_FLAG_BYTES
    if fields.vox_offset == 0:
        return first
    if not math.isfinite(fields.vox_offset) or not first <= fields.vox_offset < 2**31:
        raise ImageError("the NIfTI header's data offset is not allowed", hint=_HINT)
    return int(fields.vox_offset)


def _scaling(fields: _Fields) -> tuple[float, float]:
    if fields.slope == 0.0 or not math.isfinite(fields.slope) or fields.datatype == _RGB24:
        return 1.0, 0.0
    if not math.isfinite(fields.intercept):
        raise ImageError("the NIfTI header's intercept is not a number", hint=_HINT)
    return fields.slope, fields.intercept


def _display_range(fields: _Fields) -> tuple[float, float] | None:
    low, high = fields.cal_min, fields.cal_max
    if math.isfinite(low) and math.isfinite(high) and low < high:
        return low, high
    return None


def _spacing_mm(fields: _Fields) -> tuple[float, float] | None:
    factor = _MILLIMETRES.get(fields.units & _SPACE_UNIT_MASK)
    column, row = abs(fields.pixdim[1]), abs(fields.pixdim[2])
    if factor is None or not (0.0 < row < math.inf and 0.0 < column < math.inf):
        return None
    return row * factor, column * factor
