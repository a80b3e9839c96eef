"""The DICOM transfer syntaxes that we read, and with which decoder (PS3.6 table A-1)."""

from __future__ import annotations

from typing import Literal

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_FIRST_ORDER = "1.2.840.10008.1.2.4.70"
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR_LOSSLESS = "1.2.840.10008.1.2.4.81"
JPEG2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"
RLE_LOSSLESS = "1.2.840.10008.1.2.5"

NATIVE = frozenset([IMPLICIT_LITTLE, EXPLICIT_LITTLE, DEFLATED_LITTLE, EXPLICIT_BIG])
JPEG2000_FAMILY = frozenset(
    [JPEG2000_LOSSLESS, JPEG2000, HTJ2K_LOSSLESS, HTJ2K_LOSSLESS_RPCL, HTJ2K]
)

DECODERS: dict[str, str] = {
    JPEG_BASELINE: "pillow",
    JPEG_EXTENDED: "pillow",
    JPEG_LS_LOSSLESS: "pyjpegls",
    JPEG_LS_NEAR_LOSSLESS: "pyjpegls",
    JPEG2000_LOSSLESS: "pillow",
    JPEG2000: "pillow",
    RLE_LOSSLESS: "pydicom",
}
"""pydicom's name of the decoder used in this process: Pillow (libjpeg-turbo, OpenJPEG 2.5.4),
CharLS, pydicom's own RLE; fuzzing did not crash these. pylibjpeg-rle panics past
``except Exception``, and pylibjpeg-libjpeg is GPL."""

ISOLATED_DECODERS: dict[str, Literal["gdcm", "openjpeg"]] = {
    JPEG_EXTENDED: "gdcm",
    JPEG_LOSSLESS: "gdcm",
    JPEG_LOSSLESS_FIRST_ORDER: "gdcm",
    JPEG2000_LOSSLESS: "openjpeg",
    JPEG2000: "openjpeg",
    HTJ2K_LOSSLESS: "openjpeg",
    HTJ2K_LOSSLESS_RPCL: "openjpeg",
    HTJ2K: "openjpeg",
}
"""Used in a process of its own, where the decoder above is missing or refuses the variant."""

SUPPORTED = NATIVE | DECODERS.keys() | ISOLATED_DECODERS.keys()
