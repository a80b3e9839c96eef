"""From a DICOM data set to the plain attributes that rendering needs.

Enhanced multi-frame objects keep an attribute in a functional group, of the frame or shared by
all (PS3.3 C.7.6.16); others keep it at the top of the data set.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import numpy as np

from safelight.imaging.dicom_rendering import FrameAttributes
from safelight.imaging.lookup_table import LookupTable, parse_lookup_table
from safelight.imaging.modality_lut import ModalityLut, ModalityTable, Rescale
from safelight.imaging.segmented_lut import expand_segments
from safelight.imaging.voi_lut import VoiLut, VoiTable, WindowLut

_CODE = re.compile(r"[A-Z0-9_ ]{1,16}")
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
_COLOURS = ("Red", "Green", "Blue")


class DataSet(Protocol):
    """What is used of a data set: **Contract**: attributes by keyword, sequences as lists."""

    def get(self, key: str, default: Any = None, /) -> Any:
        """The value of an attribute."""


def code(dataset: DataSet, keyword: str) -> str:
    """A code string, or nothing where the file holds anything but a code."""
    value = str(dataset.get(keyword) or "").strip()
    return value if _CODE.fullmatch(value) else ""


def spacing_mm(dataset: DataSet, frame: int) -> tuple[float, float] | None:
    """Between rows and between columns, in millimetres."""
    measures = _functional_group(dataset, frame, "PixelMeasuresSequence")
    for keyword in _SPACINGS:
        value = measures.get(keyword)
        if value is not None and not isinstance(value, str | float) and len(value) == 2:
            return float(value[0]), float(value[1])
    return None


def frame_attributes(dataset: DataSet, frame: int, *, little_endian: bool) -> FrameAttributes:
    """What the data set says about the samples of one frame.

    Args:
        dataset: As read.
        frame: From 0.
        little_endian: Byte order of the file, for lookup tables kept as bytes.

    Raises:
        ImageError: a lookup table or a rescale that the standard does not allow.
    """
    photometric = code(dataset, "PhotometricInterpretation")
    shape = code(dataset, "PresentationLUTShape")
    bits_stored = dataset.get("BitsStored") or dataset.get("BitsAllocated") or 16
    palette = None
    if photometric == "PALETTE COLOR":
        red, green, blue = (_palette_table(dataset, name, little_endian) for name in _COLOURS)
        palette = (red, green, blue)
    modality_lut, is_hounsfield = _modality_lut(dataset, frame, little_endian)
    return FrameAttributes(
        bits_stored=int(bits_stored),
        signed=bool(dataset.get("PixelRepresentation")),
        inverted=photometric == "MONOCHROME1" or shape == "INVERSE",
        modality_lut=modality_lut,
        is_hounsfield=is_hounsfield,
        voi_lut=_voi_lut(dataset, frame, little_endian),
        palette=palette,
        padding=_padding(dataset),
    )


def _functional_group(dataset: DataSet, frame: int, keyword: str) -> DataSet:
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or []
    shared = dataset.get("SharedFunctionalGroupsSequence") or []
    for groups in (per_frame[frame : frame + 1], shared[:1]):
        for group in groups:
            if items := group.get(keyword):
                item: DataSet = items[0]
                return item
    return dataset


def _modality_lut(dataset: DataSet, frame: int, little_endian: bool) -> tuple[ModalityLut, bool]:
    if items := dataset.get("ModalityLUTSequence"):
        return ModalityTable(_table(items[0], little_endian)), False
    item = _functional_group(dataset, frame, "PixelValueTransformationSequence")
    slope, intercept = item.get("RescaleSlope"), item.get("RescaleIntercept")
    if slope is None or intercept is None:
        return Rescale(), False
    # Rescale Type may be absent from CT images, where Hounsfield units are meant (PS3.3 C.8.2.1).
    unit = code(item, "RescaleType") or "HU"
    is_hounsfield = code(dataset, "Modality") == "CT" and unit == "HU"
    return Rescale(float(slope), float(intercept)), is_hounsfield


def _voi_lut(dataset: DataSet, frame: int, little_endian: bool) -> VoiLut | None:
    """The first of the alternatives that the file offers; a table before a window."""
    item = _functional_group(dataset, frame, "FrameVOILUTSequence")
    if tables := item.get("VOILUTSequence"):
        return VoiTable(_table(tables[0], little_endian))
    center, width = _first(item.get("WindowCenter")), _first(item.get("WindowWidth"))
    if center is None or width is None:
        return None
    name = code(item, "VOILUTFunction") or "LINEAR"
    for function in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        if name == function and WindowLut.is_allowed(float(center), float(width), function):
            return WindowLut(float(center), float(width), function)
    return None  # not conformant, such as a width of 0: shown over the full range


def _first(value: Any) -> Any:
    if value is None or value == "":
        return None
    if isinstance(value, str | int | float) or not hasattr(value, "__len__"):
        return value
    return value[0] if len(value) else None


def _table(item: DataSet, little_endian: bool) -> LookupTable:
    return _parse(item.get("LUTDescriptor"), item.get("LUTData"), little_endian)


def _palette_table(dataset: DataSet, colour: str, little_endian: bool) -> LookupTable:
    prefix = f"{colour}PaletteColorLookupTable"
    descriptor = dataset.get(f"{prefix}Descriptor")
    data = dataset.get(f"{prefix}Data")
    if data is None:
        bits = 8 if int(descriptor[2]) <= 8 else 16
        segments = dataset.get(f"Segmented{prefix}Data")
        words = np.frombuffer(segments, {8: "u1", 16: "<u2" if little_endian else ">u2"}[bits])
        data = expand_segments(words.tolist(), bits=bits)
    return _parse(descriptor, data, little_endian)


def _parse(descriptor: Any, data: Any, little_endian: bool) -> LookupTable:
    values = data if isinstance(data, bytes) else tuple(int(entry) for entry in data)
    count, first, bits = (int(value) for value in descriptor)
    return parse_lookup_table((count, first, bits), values, little_endian=little_endian)


def _padding(dataset: DataSet) -> tuple[int, int] | None:
    value = dataset.get("PixelPaddingValue")
    if value is None or isinstance(value, bytes):
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    other = value if limit is None or isinstance(limit, bytes) else limit
    return min(int(value), int(other)), max(int(value), int(other))
