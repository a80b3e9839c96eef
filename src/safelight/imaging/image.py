"""An image in memory: pixels with their meaning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from safelight.errors import ImageError
from safelight.imaging.file_format import FileFormat
from safelight.imaging.limits import check_frame_size, check_sample_count

Pixels = NDArray[np.float64]

Samples = NDArray[Any]
"""Numbers as a file stores them, of any real type."""

ValueScale = Literal["display", "modality", "hounsfield"]
"""What the numbers are: brightness in [0, 1]; the output of the modality LUT, in whatever unit;
the same in Hounsfield units."""


@dataclass(frozen=True, repr=False, eq=False)
class Image:
    """One frame or a stack of frames, grey or in colour.

    Args:
        pixels: float64, finite, ``[H, W]`` or ``[H, W, 3]``; with a leading frames axis,
            ``[F, H, W]`` or ``[F, H, W, 3]``, when ``has_frames``. Read-only.
        value_scale: What the numbers are; in [0, 1] when ``display``.
        has_frames: Whether the first axis counts frames.
        frame_count: Frames in the file, of which ``pixels`` may hold one.
        modality: DICOM's code, such as ``CT``; empty when unknown.
        photometric: How the source stored its samples, such as ``MONOCHROME1``.
        source_format: Where the pixels come from.
        spacing_mm: Between rows and between columns, where the source says so.
        provenance: What was done to the stored values, in order. Names of transforms and their
            parameters; nothing of the patient.

    **Security**: pixels are patient data; ``repr`` shows shapes only.
    """

    pixels: Pixels
    value_scale: ValueScale = "display"
    has_frames: bool = False
    frame_count: int = 1
    modality: str = ""
    photometric: str = ""
    source_format: FileFormat = FileFormat.ARRAY
    spacing_mm: tuple[float, float] | None = None
    provenance: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        frame_shape = shape[1:] if self.has_frames else shape
        if len(frame_shape) not in (2, 3) or (len(frame_shape) == 3 and frame_shape[2] != 3):
            raise ImageError(
                f"an array of shape {shape} is not an image",
                hint="give [H, W] or [H, W, 3], with a leading axis for several frames",
            )
        check_frame_size(frame_shape[0], frame_shape[1])
        check_sample_count(shape)
        if self.pixels.size == 0:
            raise ImageError("the image has no frames", hint="export it again")
        if self.pixels.dtype != np.float64:
            raise ImageError(f"pixels are {self.pixels.dtype}, not float64", hint="")
        low, high = float(self.pixels.min()), float(self.pixels.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ImageError(
                "the image has pixels that are not finite numbers",
                hint="replace NaN and infinite values before the image is read",
            )
        if self.value_scale == "display" and (low < 0.0 or high > 1.0):
            raise ImageError("brightness lies outside 0 to 1", hint="divide by the largest value")
        self.pixels.setflags(write=False)

    @classmethod
    def from_array(
        cls, array: Samples, *, value_scale: ValueScale = "display", modality: str = ""
    ) -> Image:
        """An image from numbers that are already in memory.

        Args:
            array: ``[H, W]`` or ``[H, W, 3]``. For ``display``: uint8 (divided by 255), uint16
                (divided by 65535) or floats in [0, 1]. For the other scales any real numbers,
                taken as they are.
            value_scale: What the numbers are.
            modality: DICOM's code, where known.
        """
        values = np.asarray(array)
        if values.dtype.kind not in "uif":
            raise ImageError(f"an array of {values.dtype} is not an image", hint="")
        pixels = np.array(values, dtype=np.float64)
        step = "taken as it is"
        if value_scale == "display" and values.dtype.kind in "ui":
            if values.dtype not in (np.dtype(np.uint8), np.dtype(np.uint16)):
                raise ImageError(
                    f"brightness as {values.dtype} has no stated range",
                    hint="give uint8, uint16 or floats in 0 to 1",
                )
            largest = int(np.iinfo(values.dtype).max)
            pixels /= largest
            step = f"divided by {largest}"
        return cls(pixels=pixels, value_scale=value_scale, modality=modality, provenance=(step,))

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """``(H, W)`` or ``(H, W, 3)``."""
        return self.pixels.shape[1:] if self.has_frames else self.pixels.shape

    @property
    def height(self) -> int:
        """Rows of a frame."""
        return self.frame_shape[0]

    @property
    def width(self) -> int:
        """Columns of a frame."""
        return self.frame_shape[1]

    @property
    def is_colour(self) -> bool:
        """Whether each pixel has red, green and blue."""
        return len(self.frame_shape) == 3

    def frame(self, index: int) -> Image:
        """One frame of a stack, as an image without frames axis."""
        if not self.has_frames:
            raise ImageError("the image has no frames axis", hint="load it with frame='all'")
        if not 0 <= index < self.pixels.shape[0]:
            raise ImageError(
                f"there is no frame {index}: the stack has {self.pixels.shape[0]}",
                hint="frames are numbered from 0",
            )
        return replace(
            self,
            pixels=self.pixels[index],
            has_frames=False,
            provenance=(*self.provenance, f"frame {index}"),
        )

    def crop(self, centre: tuple[int, int], height: int, width: int) -> Image:
        """The part around a pixel; of an even side, the pixel is the first of the second half.

        Args:
            centre: Row and column, from 0.
            height: Of the part.
            width: Of the part.

        Raises:
            ImageError: A stack of frames, or a part that leaves the image.
        """
        if self.has_frames:
            raise ImageError(
                "a part is cut out of one image, not of a stack", hint="choose a frame"
            )
        top, left = centre[0] - height // 2, centre[1] - width // 2
        if min(top, left) < 0 or top + height > self.height or left + width > self.width:
            raise ImageError(
                f"{height} × {width} pixels around row {centre[0]}, column {centre[1]} leave the "
                f"image of {self.height} × {self.width}",
                hint="choose a place further inside; rows and columns are numbered from 0",
            )
        return replace(
            self,
            pixels=self.pixels[top : top + height, left : left + width],
            provenance=(*self.provenance, f"{height} × {width} pixels cut out"),
        )

    def channels_first(self) -> Pixels:
        """A writable copy ``[C, H, W]`` of an image without frames axis."""
        if self.has_frames:
            raise ImageError(
                f"a stack of {self.pixels.shape[0]} frames where one image is needed",
                hint="choose a frame",
            )
        planes = np.moveaxis(self.pixels, 2, 0) if self.is_colour else self.pixels[np.newaxis]
        return np.array(planes, dtype=np.float64, order="C")

    def __repr__(self) -> str:
        frames = f", {self.pixels.shape[0]} frames" if self.has_frames else ""
        kind = "colour" if self.is_colour else "grey"
        return (
            f"Image({self.height} × {self.width} {kind}{frames}, {self.value_scale}, "
            f"{self.source_format})"
        )
