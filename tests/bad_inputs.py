"""The bad files of all tests: what the readers, the command line and the portal must refuse.

Each by the name that it is stored under. None of them may be sent, none may end in a traceback or
in a blank page, and no message may quote them.
"""

from __future__ import annotations

import gzip
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless

from imaging_samples import build_dicom, build_nifti, build_picture

PATIENT = "Mustermann^Erika"
_PIXELS: NDArray[np.uint8] = np.random.default_rng(5).integers(0, 255, (64, 64), dtype=np.uint8)
_DICOM = build_dicom(_PIXELS, PatientName=PATIENT)
_VOLUME = np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one row."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(100)))
        + chunk(b"IEND", b"")
    )


def _dicom(**attributes: object) -> bytes:
    return build_dicom(_PIXELS, PatientName=PATIENT, **attributes)  # type: ignore[arg-type]


def _without_pixels() -> bytes:
    return _DICOM[: _DICOM.index(struct.pack("<HH", 0x7FE0, 0x0010))]


def codestream_of_size(size: int) -> bytes:
    """A DICOM whose JPEG 2000 codestream announces another size than its data set."""
    content = _dicom(encode=JPEG2000Lossless)
    at = content.index(b"\xff\x4f\xff\x51") + 8
    return content[:at] + struct.pack(">II", size, size) + content[at + 8 :]


def _cut(file_format: str, share: float) -> bytes:
    content = build_picture(_PIXELS, file_format)
    return content[: int(len(content) * share)]


BAD_DICOM: dict[str, bytes] = {
    "cut.dcm": _DICOM[: len(_DICOM) - 2000],
    "cut-a-little.dcm": _DICOM[:-20],
    "head.dcm": _DICOM[:140],
    "header.dcm": _DICOM[:200],
    "syntax.dcm": _DICOM.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"),
    "implicit.dcm": _dicom(syntax=ImplicitVRLittleEndian).replace(
        b"1.2.840.10008.1.2\0", b"1.2.840.10008.1.9\0"
    ),
    "zero.dcm": _dicom(Rows=0),
    "absurd.dcm": _dicom(Rows=65535, Columns=65535),
    "frames.dcm": _dicom(NumberOfFrames=1000),
    "samples.dcm": _dicom(SamplesPerPixel=4),
    "slope.dcm": _dicom(RescaleSlope="0", RescaleIntercept="0"),
    "no-pixels.dcm": _without_pixels(),
    "larger-inside.dcm": codestream_of_size(60000),
    "smaller-inside.dcm": codestream_of_size(17),
    "deflated.dcm": _dicom(syntax=DeflatedExplicitVRLittleEndian)[:-30],
}

BAD_PICTURES: dict[str, bytes] = {
    "text.png": b"this is not an image",
    "empty.png": b"",
    "empty.dcm": b"",
    "hello.txt": b"hello",
    "moving.gif": b"GIF89a" + bytes(50),
    "page.pdf": b"%PDF-1.7",
    "zeros.bin": bytes(500),
    "absurd.png": png_of_size(2_000_000, 2_000_000),
    "large.png": png_of_size(200_000, 200_000),
    "zero.png": png_of_size(0, 10),
    "table.csv": b"1,2,3\n",
} | {
    f"cut-{share}.{file_format.lower()}": _cut(file_format, share)
    for file_format in ("PNG", "JPEG", "TIFF", "JPEG2000")
    for share in (0.02, 0.3, 0.9)
}


def _nifti(code: str, offset: int, *values: float | bytes) -> bytes:
    content = bytearray(build_nifti(_VOLUME))
    struct.pack_into("<" + code, content, offset, *values)
    return bytes(content)


# with what Python says of each; the portal reads no NIfTI, good or bad
BAD_NIFTI: dict[str, tuple[bytes, str]] = {
    "one-dimension.nii": (_nifti("h", 40, 1), "dimensions"),
    "no-width.nii": (_nifti("h", 42, 0), "dimensions"),
    "negative.nii": (_nifti("h", 42, -5), "dimensions"),
    "absurd.nii": (_nifti("3h", 42, 32000, 32000, 1), "more than the limit"),
    "large.nii": (_nifti("4h", 42, 8000, 8000, 32000, 1), "cut short|more than the limit"),
    "type.nii": (_nifti("h", 70, 32), "data type 32"),
    "bits.nii": (_nifti("h", 72, 8), "bits a voxel"),
    "cifti.nii": (_nifti("h", 68, 3001), "CIFTI"),
    "offset.nii": (_nifti("f", 108, 12.0), "data offset"),
    "no-offset.nii": (_nifti("f", 108, float("nan")), "data offset"),
    "intercept.nii": (_nifti("ff", 112, 1.0, float("inf")), "intercept"),
    "pair.nii": (_nifti("4s", 344, b"ni1\0"), "pair of files"),
    "no-magic.nii": (_nifti("4s", 344, b"\0\0\0\0"), "not NIfTI"),
    "cut.nii": (build_nifti(_VOLUME)[:-1], "file has"),
    "head.nii": (build_nifti(_VOLUME)[:300], "cut short"),
    "cut.nii.gz": (gzip.compress(build_nifti(_VOLUME), mtime=0)[:-4], "cut short"),
    "head.nii.gz": (gzip.compress(build_nifti(_VOLUME), mtime=0)[:40], "cut short"),
    "other.gz": (gzip.compress(b"no image at all" * 50, mtime=0), "not NIfTI"),
    "bomb.nii.gz": (
        gzip.compress(build_nifti(_VOLUME) + bytes(2**21), mtime=0),
        "expands to more",
    ),
}

# for a model of three features, with what Python says
BAD_TABLES: dict[str, tuple[bytes, str]] = {
    "nothing.csv": (b"", "empty"),
    "header-only.csv": (b"radius,texture,area\n", "no records"),
    "no-records.json": (b"[]", "no records"),
    "two-columns.csv": (b"1,2\n", "2 features"),
    "ragged.csv": (b"1,2,3\n1,2\n", "record 2 has 2 columns"),
    "a-word.csv": (b"1,2,3\n7,secret,9\n", "record 2 has no finite number in column 2"),
    "hole.csv": (b"1,,3\n", "column 2"),
    "not-a-number.csv": (b"1,nan,3\n", "column 2"),
    "infinite.csv": (b"1,2,inf\n", "column 3"),
    "text.json": (b'[[1, 2, "x"]]', "column 3"),
    "true.json": (b"[[1, 2, true]]", "column 3"),
    "null.json": (b"[[1, 2, null]]", "column 3"),
    "nan.json": (b"[[1, 2, NaN]]", "column 3"),
    "kinds.json": (b"[[1, 2, 3], 4]", "different kinds"),
    "names.json": (b'[{"a": 1}, {"b": 1}]', "different names"),
    "open.json": (b"[1, 2", "not JSON"),
    "deep.json": (b"[" * 100000, "not JSON"),
    "quote.csv": (b'"open,1,2', "not CSV"),
    "encoding.csv": (b"\xff\xfe1,2,3", "not UTF-8"),
    "twice.csv": (b"a,a,b\n1,2,3\n", "same name"),
    "huge.json": (b"[[1, 2, 1" + b"0" * 400 + b"]]", "column 3"),
}

_ROW = ["1.0"] * 30


def _row(first: str) -> bytes:
    return ",".join([first, *_ROW[1:]]).encode()


# for the model of thirty features
BAD_RECORDS: dict[str, bytes] = {
    "nan.csv": _row("nan"),
    "inf.csv": _row("inf"),
    "word.csv": _row("Mustermann"),
    "short.csv": ",".join(_ROW[:29]).encode(),
    "long.csv": ",".join([*_ROW, "1.0"]).encode(),
    "units.csv": _row("1e9"),
    "empty.csv": b"",
    "nan-in.json": b"[[" + _row("NaN") + b"]]",
    "words.json": b"Mustermann",
    "binary.csv": b"\x00\x01\x02",
}
