"""DICOM images to JPEG 2000, without loss or at a stated ratio.

1. Leave what is no image, what is compressed with loss already, and what is JPEG 2000 already.
2. Decode all frames; encode each with OpenJPEG; decode again and compare, where nothing may be
   lost.
3. Write with the new transfer syntax and the attributes that go with it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from safelight.errors import ImageError
from safelight.imaging.dicom import DicomFile, translated
from safelight.imaging.dicom_syntaxes import (
    JPEG2000,
    JPEG2000_LOSSLESS,
    JPEG_LOSSLESS,
    JPEG_LOSSLESS_FIRST_ORDER,
    JPEG_LS_LOSSLESS,
    NATIVE,
    RLE_LOSSLESS,
)
from safelight.imaging.image import Samples

_RECODED = NATIVE | {RLE_LOSSLESS, JPEG_LS_LOSSLESS, JPEG_LOSSLESS, JPEG_LOSSLESS_FIRST_ORDER}
# grey and palette values and RGB are what a decoder gives back as stored; YBR may be subsampled
_PHOTOMETRIC = frozenset(["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB"])
_OPENJPEG_RGB, _OPENJPEG_GREY = 1, 2
_MAX_RATIO = 100.0
_MIN_SIDE = 32  # OpenJPEG as we have it always halves an image five times
# bytes of a number, where byte order matters
_WORD_BYTES = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}


@dataclass(frozen=True, repr=False)
class Recoded:
    """A DICOM file for the archive.

    Args:
        content: The file.
        form: ``jpeg2000-lossless``, ``jpeg2000-lossy``, ``as it was``: an image that keeps its
            transfer syntax, or ``not decoded``: no image, or one that we do not decode.
        pixel_digest: SHA-256 of the decoded samples, in hex; of what ``content`` decodes to.
            Empty for objects without an image that we decode.
    """

    content: bytes
    form: str
    pixel_digest: str


def recode(
    content: bytes, *, ratio: float | None = None, derived_uid: Callable[[str], str]
) -> Recoded:
    """A DICOM file as JPEG 2000, where that is of use.

    Args:
        content: Of a DICOM file.
        ratio: None for lossless; else about how many times smaller than uncompressed the samples
            shall be.
        derived_uid: Names the new instance that lossy compression makes (PS3.4 C.6.1.1.3 asks for
            another SOP Instance UID), from the old name.

    Raises:
        ImageError: damaged; or a ratio that is none.
    """
    if ratio is not None and not 1.0 < ratio <= _MAX_RATIO:
        raise ImageError(f"a compression ratio lies between 1 and {_MAX_RATIO:g}")
    try:
        file = DicomFile(content)
    except ImageError:
        return Recoded(content, "not decoded", "")  # a report, a plan, or floating point values
    samples = file.decode(None)
    dataset = file.dataset
    if not _is_recoded(dataset, samples):
        return Recoded(content, "as it was", pixel_digest(samples))
    with translated("the pixel data"):
        frames = _frames(samples, dataset)
        bits = int(dataset.BitsStored)
        codestreams = [_encode(frame, bits, ratio) for frame in frames]
        if ratio is None:
            _check_same(frames, codestreams)
        _replace_pixels(dataset, codestreams, lossless=ratio is None)
        if ratio is not None:
            _state_loss(dataset, samples.nbytes / sum(map(len, codestreams)), derived_uid)
        made = _written(dataset if file.is_little_endian else _little_endian(dataset))
    if ratio is None:
        return Recoded(made, "jpeg2000-lossless", pixel_digest(samples))
    return Recoded(made, "jpeg2000-lossy", decoded_digest(made))


def decoded_digest(content: bytes) -> str:
    """SHA-256 of the samples that a DICOM file decodes to, in hex.

    Raises:
        ImageError: no image, or damaged.
    """
    return pixel_digest(DicomFile(content).decode(None))


def pixel_digest(samples: Samples) -> str:
    """SHA-256 of samples with their shape, whatever width and byte order they are kept in."""
    digest = hashlib.sha256(repr(samples.shape).encode())
    kind = "<i8" if samples.dtype.kind in "iu" else "<f8"
    flat = samples.reshape(-1)
    step = 1 << 20
    for start in range(0, flat.size, step):
        digest.update(flat[start : start + step].astype(kind).tobytes())
    return digest.hexdigest()


def dicom_summary(content: bytes) -> dict[str, str]:
    """Attributes for an index, of a de-identified file; empty where absent."""
    with translated("the DICOM file"):
        dataset = pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
        keywords = {
            "sop_instance_uid": "SOPInstanceUID",
            "series_uid": "SeriesInstanceUID",
            "study_uid": "StudyInstanceUID",
            "sop_class_uid": "SOPClassUID",
            "patient": "PatientID",
            "modality": "Modality",
            "rows": "Rows",
            "columns": "Columns",
            "frames": "NumberOfFrames",
        }
        found = {name: dataset.get(keyword) for name, keyword in keywords.items()}
        return {name: "" if value is None else str(value) for name, value in found.items()}


def _is_recoded(dataset: Dataset, samples: Samples) -> bool:
    if (
        str(dataset.file_meta.TransferSyntaxUID) not in _RECODED
        or str(dataset.get("PhotometricInterpretation")) not in _PHOTOMETRIC
        or "PixelData" not in dataset
        or str(dataset.get("LossyImageCompression") or "") == "01"
        or samples.dtype.kind not in "iu"
        or samples.dtype.itemsize > 2
        or min(int(dataset.Rows), int(dataset.Columns)) < _MIN_SIDE
    ):
        return False
    # bits beyond those stored may hold an overlay of the retired kind; JPEG 2000 has no room for it
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return bits > 1 and bool(samples.min() >= low) and bool(samples.max() <= high)


def _frames(samples: Samples, dataset: Dataset) -> Samples:
    """``[frames, rows, columns]``, with samples behind for colour, in native byte order."""
    native = samples.astype(samples.dtype.newbyteorder("="), copy=False)
    shape = (int(dataset.get("NumberOfFrames") or 1), int(dataset.Rows), int(dataset.Columns))
    colour = (3,) if int(dataset.get("SamplesPerPixel") or 1) == 3 else ()
    return np.ascontiguousarray(native.reshape(*shape, *colour))


def _encode(frame: Samples, bits: int, ratio: float | None) -> bytes:
    from openjpeg.utils import encode_array

    colour = _OPENJPEG_RGB if frame.ndim == 3 else _OPENJPEG_GREY
    if ratio is not None:
        # OpenJPEG counts stored bits, we count bytes as they lie in an uncompressed file
        ratio = max(1.0, ratio * bits / (8 * frame.dtype.itemsize))
    made: bytes = encode_array(
        frame,
        bits_stored=bits,
        photometric_interpretation=colour,
        use_mct=True,
        compression_ratios=None if ratio is None else [ratio],
    )
    return made


def _check_same(frames: Samples, codestreams: list[bytes]) -> None:
    import openjpeg

    for frame, codestream in zip(frames, codestreams, strict=True):
        if not np.array_equal(openjpeg.decode(codestream), frame):
            raise ImageError("JPEG 2000 did not give back the same pixels; nothing was stored")


def _replace_pixels(dataset: Dataset, codestreams: list[bytes], *, lossless: bool) -> None:
    if int(dataset.get("SamplesPerPixel") or 1) == 3:
        dataset.PhotometricInterpretation = "YBR_RCT" if lossless else "YBR_ICT"
        dataset.PlanarConfiguration = 0
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    dataset.PixelData = encapsulate(codestreams)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = UID(JPEG2000_LOSSLESS if lossless else JPEG2000)


def _written(dataset: Dataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _little_endian(dataset: Dataset) -> Dataset:
    """The same elements in a data set that has not been read as big endian."""
    for element in dataset.iterall():
        width = _WORD_BYTES.get(element.VR)
        if width and element.keyword != "PixelData" and isinstance(element.value, bytes):
            element.value = (
                np.frombuffer(element.value, f">u{width}").astype(f"<u{width}").tobytes()
            )
    fresh = Dataset()
    for element in dataset:
        fresh.add(element)
    fresh.file_meta = dataset.file_meta
    fresh.preamble = bytes(128)
    return fresh


def _state_loss(dataset: Dataset, ratio: float, derived_uid: Callable[[str], str]) -> None:
    dataset.LossyImageCompression = "01"
    dataset.LossyImageCompressionRatio = f"{ratio:.2f}"
    dataset.LossyImageCompressionMethod = "ISO_15444_1"
    kinds = [str(part) for part in dataset.get("ImageType") or ["ORIGINAL", "PRIMARY"]]
    dataset.ImageType = ["DERIVED", *kinds[1:]]
    dataset.SOPInstanceUID = derived_uid(str(dataset.get("SOPInstanceUID") or ""))
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
