"""Small files of every format, made here so that no test needs real data."""

from __future__ import annotations

import io
import struct

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

_NIFTI_CODES = {"u1": (2, 8), "i2": (4, 16), "i4": (8, 32), "f4": (16, 32), "f8": (64, 64)}


def build_dicom(
    pixels: NDArray[np.generic],
    *,
    syntax: str = ExplicitVRLittleEndian,
    photometric: str = "MONOCHROME2",
    bits_stored: int | None = None,
    frames: int | None = None,
    encode: str | None = None,
    **attributes: object,
) -> bytes:
    """A Part 10 file with these samples; ``encode`` names a syntax to compress to."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Secret^Patient"
    dataset.PatientID = "SECRET-1234"
    dataset.Modality = "OT"
    frame_shape = pixels.shape[1:] if frames else pixels.shape
    dataset.Rows, dataset.Columns = frame_shape[:2]
    dataset.SamplesPerPixel = 3 if len(frame_shape) == 3 else 1
    if dataset.SamplesPerPixel == 3:
        dataset.PlanarConfiguration = 0
    if frames:
        dataset.NumberOfFrames = frames
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits_stored or dataset.BitsAllocated
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    big = syntax == "1.2.840.10008.1.2.2"
    samples = pixels.astype(pixels.dtype.newbyteorder(">" if big else "<")).tobytes()
    dataset.PixelData = samples + b"\0" * (len(samples) % 2)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated <= 8 and not big else "OW"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    if encode == JPEG2000Lossless:
        codestream = build_picture(pixels, "JPEG2000", no_jp2=True)
        dataset.PixelData = encapsulate([codestream])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = encode
    elif encode:
        dataset.compress(encode, generate_instance_uid=False)
    out = io.BytesIO()
    dataset.save_as(
        out,
        enforce_file_format=True,
        implicit_vr=None if encode else syntax == "1.2.840.10008.1.2",
        little_endian=None if encode else not big,
    )
    return out.getvalue()


def build_nifti(
    volume: NDArray[np.generic],
    *,
    version: int = 1,
    endian: str = "<",
    slope: float = 0.0,
    intercept: float = 0.0,
    cal: tuple[float, float] = (0.0, 0.0),
    zooms: tuple[float, float, float] = (1.0, 1.0, 1.0),
    units: int = 2,
) -> bytes:
    """A single-file NIfTI of a volume ``[x, y, z, …]``."""
    kind = volume.dtype.str[1:]
    datatype, bitpix = _NIFTI_CODES[kind]
    dims = [volume.ndim, *volume.shape] + [1] * (7 - volume.ndim)
    pixdim = [1.0, *zooms, 1.0, 1.0, 1.0, 1.0]
    size = 348 if version == 1 else 540
    header = bytearray(size + 4)

    def put(code: str, offset: int, *values: float) -> None:
        struct.pack_into(endian + code, header, offset, *values)

    put("i", 0, size)
    if version == 1:
        put("8h", 40, *dims)
        put("hh", 70, datatype, bitpix)
        put("8f", 76, *pixdim)
        put("fff", 108, size + 4, slope, intercept)
        put("B", 123, units)
        put("ff", 124, cal[1], cal[0])
        header[344:348] = b"n+1\0"
    else:
        header[4:12] = b"n+2\0\r\n\x1a\n"
        put("hh", 12, datatype, bitpix)
        put("8q", 16, *dims)
        put("8d", 104, *pixdim)
        put("qdddd", 168, size + 4, slope, intercept, cal[1], cal[0])
        put("i", 500, units)
    data = volume.astype(volume.dtype.newbyteorder(endian)).tobytes(order="F")
    return bytes(header) + data


def build_picture(
    picture: PIL.Image.Image | NDArray[np.generic], file_format: str = "PNG", **options: object
) -> bytes:
    """A file in a format of Pillow's."""
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    out = io.BytesIO()
    picture.save(out, file_format, **options)
    return out.getvalue()
