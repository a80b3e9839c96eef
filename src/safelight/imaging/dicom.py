"""DICOM files: the one file that imports pydicom.

1. Bound what a deflated file expands to; read the data set.
2. Find rows, columns, frames; refuse absurd ones; check each compressed frame's own size.
3. Decode the chosen frames with the decoders named below, in that order.
4. Hand the samples with plain attributes to `safelight.imaging.dicom_rendering`.

**Security**: pydicom's messages may quote values of the data set. None of them reaches ours, and
its logger does not propagate.
"""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.utils import pixel_array

from safelight.errors import ImageError
from safelight.imaging.codestream_size import jpeg2000_size, jpeg_size
from safelight.imaging.decoding_errors import DAMAGED_HINT, decoding_errors
from safelight.imaging.dicom_meta import check_deflated
from safelight.imaging.image import Samples
from safelight.imaging.jpeg_extended import decode_jpeg_extended
from safelight.imaging.limits import check_frame_size, check_sample_count

logging.getLogger("pydicom").propagate = False

# Pillow first where it can: its libjpeg-turbo and OpenJPEG (2.5.4) are the best maintained. GDCM's
# OpenJPEG is 2.3.0, with known faults, and is never asked for JPEG 2000. pylibjpeg-libjpeg is GPL.
_DECODERS: dict[str, tuple[str, ...]] = {
    uid.JPEGBaseline8Bit: ("pillow", "gdcm"),
    uid.JPEGExtended12Bit: ("pillow", "gdcm"),
    uid.JPEGLossless: ("gdcm",),
    uid.JPEGLosslessSV1: ("gdcm",),
    uid.JPEGLSLossless: ("pyjpegls",),
    uid.JPEGLSNearLossless: ("pyjpegls",),
    uid.JPEG2000Lossless: ("pillow", "pylibjpeg"),
    uid.JPEG2000: ("pillow", "pylibjpeg"),
    uid.HTJ2KLossless: ("pylibjpeg",),
    uid.HTJ2KLosslessRPCL: ("pylibjpeg",),
    uid.HTJ2K: ("pylibjpeg",),
    uid.RLELossless: ("pylibjpeg", "pydicom"),
}
_NATIVE = frozenset(
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
    ]
)
_JPEG2000_FAMILY = frozenset([*uid.JPEG2000TransferSyntaxes, uid.HTJ2K, uid.HTJ2KLossless,
                              uid.HTJ2KLosslessRPCL])  # fmt: skip
_PIXEL_KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """One `ImageError` for whatever is raised, and no warnings.

    pydicom warns of every oddity of a file; what matters raises. A codestream above Pillow's bomb
    limit only warns, and is an error here.
    """
    with decoding_errors(what), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom(\.|$)")
        warnings.filterwarnings("error", message=r"Image size .* exceeds limit")
        yield


@dataclass(frozen=True)
class _Geometry:
    rows: int
    columns: int
    samples: int
    frames: int


class DicomFile:
    """An opened data set with pixels.

    Args:
        content: Of the whole file.

    Raises:
        ImageError: not DICOM, without pixels, of a transfer syntax that we do not decode, or of
            absurd size.
    """

    def __init__(self, content: bytes) -> None:
        check_deflated(content)
        with translated("the DICOM file"):
            self._dataset = pydicom.dcmread(io.BytesIO(content), force=True)
            self._check_holds_pixels()
            self._syntax = self._transfer_syntax()
            self._geometry = self._read_geometry()

    @property
    def frame_count(self) -> int:
        """Frames in the file."""
        return self._geometry.frames

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """``(rows, columns)``, with 3 behind for colour."""
        grey = (self._geometry.rows, self._geometry.columns)
        return grey if self._geometry.samples == 1 else (*grey, self._geometry.samples)

    @property
    def dataset(self) -> Dataset:
        """The data set, for `safelight.imaging.dicom_attributes`."""
        return self._dataset

    @property
    def is_little_endian(self) -> bool:
        """Byte order of the data set."""
        return bool(self._syntax.is_little_endian)

    @property
    def transfer_syntax_name(self) -> str:
        """As PS3.6 names it."""
        return str(self._syntax.name)

    def decode(self, frame: int | None) -> Samples:
        """The stored samples as pydicom gives them; YBR is converted to RGB.

        Args:
            frame: From 0, or None for all.

        Returns:
            The frame, or all frames with a leading axis unless there is only one.

        Raises:
            ImageError: damaged, cut short, or not decodable.
        """
        if frame is not None and not 0 <= frame < self._geometry.frames:
            raise ImageError(
                f"there is no frame {frame}: the file has {self._geometry.frames}",
                hint="frames are numbered from 0",
            )
        if frame is None:
            check_sample_count((self._geometry.frames, *self.frame_shape))
        with translated("the pixel data"):
            if self._syntax in _NATIVE:
                return pixel_array(self._dataset, index=frame)
            self._check_codestreams(frame)
            if self._is_twelve_bit_jpeg():
                return self._decode_twelve_bit_jpeg(frame)
            return self._decode_compressed(frame)

    def _check_holds_pixels(self) -> None:
        if not any(keyword in self._dataset for keyword in _PIXEL_KEYWORDS):
            raise ImageError(
                "the DICOM file holds no image",
                hint="it may be a report, a plan or a directory; give an image object",
            )

    def _transfer_syntax(self) -> uid.UID:
        syntax = self._dataset.file_meta.get("TransferSyntaxUID")
        if not syntax:
            raise ImageError(
                "the DICOM file does not state its transfer syntax",
                hint="export it again as a DICOM Part 10 file",
            )
        if syntax not in _NATIVE and syntax not in _DECODERS:
            named = f" {syntax}" if re.fullmatch(r"[0-9.]{1,64}", syntax) else ""
            raise ImageError(
                f"the DICOM transfer syntax{named} is not supported",
                hint="export the image uncompressed, or as JPEG 2000, JPEG-LS or RLE",
            )
        return uid.UID(syntax)

    def _read_geometry(self) -> _Geometry:
        dataset = self._dataset
        frames = dataset.get("NumberOfFrames")
        geometry = _Geometry(
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(dataset.get("SamplesPerPixel") or 1),
            frames=1 if frames in (None, "") else int(frames),
        )
        check_frame_size(geometry.rows, geometry.columns)
        if geometry.samples not in (1, 3) or geometry.frames < 1:
            raise ImageError(
                f"{geometry.samples} samples a pixel and {geometry.frames} frames are no image",
                hint=DAMAGED_HINT,
            )
        return geometry

    def _codestreams(self, frame: int | None) -> Iterator[bytes]:
        offsets = None
        if "ExtendedOffsetTable" in self._dataset:
            offsets = (
                self._dataset.ExtendedOffsetTable,
                self._dataset.ExtendedOffsetTableLengths,
            )
        count = self._geometry.frames
        encoded = self._dataset.PixelData
        if frame is None:
            yield from generate_frames(encoded, number_of_frames=count, extended_offsets=offsets)
        else:
            yield get_frame(encoded, frame, number_of_frames=count, extended_offsets=offsets)

    def _check_codestreams(self, frame: int | None) -> None:
        """Refuses a frame whose own header announces another size than the data set."""
        if self._syntax == uid.RLELossless:
            return  # has no size of its own
        measure = jpeg2000_size if self._syntax in _JPEG2000_FAMILY else jpeg_size
        for codestream in self._codestreams(frame):
            if measure(codestream) != (self._geometry.rows, self._geometry.columns):
                raise ImageError(
                    "a compressed frame has another size than the DICOM file states",
                    hint=DAMAGED_HINT,
                )

    def _is_twelve_bit_jpeg(self) -> bool:
        return self._syntax == uid.JPEGExtended12Bit and int(self._dataset.BitsStored) > 8

    def _decode_twelve_bit_jpeg(self, frame: int | None) -> Samples:
        if self._geometry.samples != 1 or self._dataset.get("PixelRepresentation"):
            raise ImageError(
                "12-bit JPEG is read for unsigned grey images only",
                hint="export the image uncompressed",
            )
        decoded = [
            decode_jpeg_extended(
                codestream, rows=self._geometry.rows, columns=self._geometry.columns
            )
            for codestream in self._codestreams(frame)
        ]
        return decoded[0] if len(decoded) == 1 else np.stack(decoded)

    def _decode_compressed(self, frame: int | None) -> Samples:
        decoders = _DECODERS[self._syntax]
        for decoder in decoders[:-1]:
            try:
                return pixel_array(self._dataset, index=frame, decoding_plugin=decoder)
            except Exception:  # noqa: BLE001, S112 - the next decoder may know this variant
                continue
        return pixel_array(self._dataset, index=frame, decoding_plugin=decoders[-1])
