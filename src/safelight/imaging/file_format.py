"""Which format a file has, told by its first bytes and never by its name."""

from __future__ import annotations

import struct
from enum import StrEnum

from safelight.errors import ImageError


class FileFormat(StrEnum):
    """A format that we read."""

    DICOM = "DICOM"
    NIFTI = "NIfTI"
    NIFTI_GZIP = "NIfTI, gzip"
    PNG = "PNG"
    JPEG = "JPEG"
    TIFF = "TIFF"
    JPEG2000 = "JPEG 2000"
    ARRAY = "array"


_GZIP = b"\x1f\x8b\x08"
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", FileFormat.PNG),
    (b"\xff\xd8\xff", FileFormat.JPEG),
    (b"II*\x00", FileFormat.TIFF),
    (b"MM\x00*", FileFormat.TIFF),
    (b"II+\x00\x08\x00\x00\x00", FileFormat.TIFF),  # BigTIFF
    (b"MM\x00+\x00\x08\x00\x00", FileFormat.TIFF),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", FileFormat.JPEG2000),
    (b"\xff\x4f\xff\x51\x00", FileFormat.JPEG2000),  # a bare codestream
    (_GZIP, FileFormat.NIFTI_GZIP),
)
_EXPLICIT_VRS = frozenset(b"AE AS AT CS DA DS DT IS LO LT PN SH ST TM UI UL UN US".split())
# A data set without preamble opens with file meta information (group 0002) or with the
# identifying group (0008), whose first elements are numbered low.
_FIRST_GROUPS = (0x0002, 0x0008)
_LAST_FIRST_ELEMENT = 0x0100
_LONGEST_FIRST_VALUE = 0x1000


def sniff(content: bytes) -> FileFormat:
    """The format of a file's content.

    Raises:
        ImageError: empty, or none of the formats that we read.
    """
    if not content:
        raise ImageError("the file is empty", hint="export the image again")
    # DICOM first: its 128-byte preamble may hold another format's signature (PS3.10 7.1).
    if content[128:132] == b"DICM":
        return FileFormat.DICOM
    for signature, file_format in _SIGNATURES:
        if content.startswith(signature):
            return file_format
    if _looks_like_nifti(content):
        return FileFormat.NIFTI
    if _looks_like_bare_dicom(content):
        return FileFormat.DICOM
    raise ImageError(
        "the file is not an image in a format that we read",
        hint="give a DICOM, NIfTI, PNG, JPEG, TIFF or JPEG 2000 file",
    )


def _looks_like_nifti(content: bytes) -> bool:
    size = content[:4]
    first = size in (struct.pack("<i", 348), struct.pack(">i", 348))
    second = size in (struct.pack("<i", 540), struct.pack(">i", 540))
    return first or second


def _looks_like_bare_dicom(content: bytes) -> bool:
    if len(content) < 8:
        return False
    for endian in "<>":
        group, element, length = struct.unpack(endian + "HHI", content[:8])
        if group not in _FIRST_GROUPS or element > _LAST_FIRST_ELEMENT:
            continue
        if content[4:6] in _EXPLICIT_VRS or length <= _LONGEST_FIRST_VALUE:
            return True
    return False
