"""DICOM files: the one file that imports pydicom.

1. Bound what a deflated file expands to; read the data set.
2. Find rows, columns, frames; refuse absurd ones; check each compressed frame's own size.
3. Decode the chosen frames with the decoders of `safelight.imaging.dicom_syntaxes`.
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

import pydicom
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_frames, get_frame
from pydicom.pixels.utils import pixel_array

from safelight.errors import ImageError
from safelight.imaging.codestream_size import jpeg2000_size, jpeg_size
from safelight.imaging.decoding_errors import DAMAGED_HINT, decoding_errors
from safelight.imaging.dicom_meta import check_deflated
from safelight.imaging.dicom_syntaxes import (
    DECODERS,
    ISOLATED_DECODERS,
    JPEG2000_FAMILY,
    NATIVE,
    RLE_LOSSLESS,
    SUPPORTED,
)
from safelight.imaging.image import Samples
from safelight.imaging.isolated_decoding import CodestreamKind, decode_isolated
from safelight.imaging.limits import check_frame_size, check_sample_count

logging.getLogger("pydicom").propagate = False

# What samples are once a decoder has undone subsampling or JPEG 2000's colour transform.
_DECODED_PHOTOMETRIC = {"YBR_FULL_422": "YBR_FULL", "YBR_ICT": "RGB", "YBR_RCT": "RGB"}
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
            if self._syntax in NATIVE:
                return pixel_array(self._dataset, index=frame)
            self._check_codestreams(frame)
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
        if syntax not in SUPPORTED:
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
        if self._syntax == RLE_LOSSLESS:
            return  # has no size of its own
        measure = jpeg2000_size if self._syntax in JPEG2000_FAMILY else jpeg_size
        for codestream in self._codestreams(frame):
            if measure(codestream) != (self._geometry.rows, self._geometry.columns):
                raise ImageError(
                    "a compressed frame has another size than the DICOM file states",
                    hint=DAMAGED_HINT,
                )

    def _decode_compressed(self, frame: int | None) -> Samples:
        decoder = DECODERS.get(self._syntax)
        if decoder is None:
            return self._decode_isolated(frame)
        try:
            return pixel_array(self._dataset, index=frame, decoding_plugin=decoder)
        except Exception:
            if self._syntax not in ISOLATED_DECODERS:
                raise
            return self._decode_isolated(frame)

    def _decode_isolated(self, frame: int | None) -> Samples:
        """Decodes elsewhere, then lets pydicom read the samples as an uncompressed image."""
        dataset = self._dataset
        photometric = str(dataset.PhotometricInterpretation)
        decoded = decode_isolated(
            list(self._codestreams(frame)),
            CodestreamKind(
                codec=ISOLATED_DECODERS[self._syntax],
                rows=self._geometry.rows,
                columns=self._geometry.columns,
                samples=self._geometry.samples,
                bits_allocated=int(dataset.BitsAllocated),
                bits_stored=int(dataset.BitsStored),
                signed=bool(dataset.PixelRepresentation),
                syntax=str(self._syntax),
                photometric=photometric,
            ),
        )
        native = Dataset()
        native.file_meta = FileMetaDataset()
        native.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
        native.NumberOfFrames, native.Rows, native.Columns, native.SamplesPerPixel = decoded.shape
        native.BitsAllocated = native.BitsStored = decoded.dtype.itemsize * 8
        native.HighBit = native.BitsStored - 1
        native.PixelRepresentation = int(decoded.dtype.kind == "i")
        native.PhotometricInterpretation = _DECODED_PHOTOMETRIC.get(photometric, photometric)
        native.PlanarConfiguration = 0
        native.PixelData = decoded.tobytes()
        return pixel_array(native)
