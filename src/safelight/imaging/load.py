"""A file, or its bytes, to an image."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from safelight.errors import ImageError
from safelight.imaging.file_format import FileFormat, sniff
from safelight.imaging.image import Image, Samples, ValueScale
from safelight.imaging.limits import MAX_FILE_BYTES

FrameChoice = int | Literal["default", "all"]
"""A frame from 0, all of them, or the default: the middle one of a DICOM or NIfTI stack, the
first page of a TIFF file."""

Source = str | os.PathLike[str] | bytes


def load_image(
    source: Source, *, frame: FrameChoice = "default", value_scale: ValueScale = "display"
) -> Image:
    """The image in a file, its format told by content.

    Args:
        source: A path, or the bytes of a file.
        frame: Which frame, where there are several; ``"all"`` gives a leading frames axis.
        value_scale: ``display`` gives brightness in [0, 1] (DICOM: after modality LUT, VOI LUT
            and inversion). ``modality`` gives the modality LUT's output or NIfTI's scaled values.
            ``hounsfield`` is the same for a CT; for NIfTI, which does not state units, it is the
            caller's word.

    Raises:
        ImageError: not an image, damaged, of an unsupported kind, or above our limits.
    """
    content = read_source(source)
    file_format = sniff(content)
    if file_format is FileFormat.DICOM:
        from safelight.imaging.dicom_image import load_dicom_image

        return load_dicom_image(content, frame=frame, value_scale=value_scale)
    if file_format in (FileFormat.NIFTI, FileFormat.NIFTI_GZIP):
        from safelight.imaging.nifti import load_nifti_image

        return load_nifti_image(content, frame=frame, value_scale=value_scale)
    from safelight.imaging.raster import load_raster_image

    return load_raster_image(content, file_format, frame=frame, value_scale=value_scale)


def load_pixels_raw(source: Source) -> Samples:
    """The samples as stored, before any look-up, scaling or inversion; all frames.

    DICOM: as pydicom's ``pixel_array`` gives them (YBR converted to RGB). NIfTI: in the file's
    own data type, axes (x, y, z, …). Others: as Pillow decodes the first page.

    Raises:
        ImageError: as `load_image`.
    """
    content = read_source(source)
    file_format = sniff(content)
    if file_format is FileFormat.DICOM:
        from safelight.imaging.dicom import DicomFile

        return DicomFile(content).decode(None)
    if file_format in (FileFormat.NIFTI, FileFormat.NIFTI_GZIP):
        from safelight.imaging.nifti import load_nifti_samples

        return load_nifti_samples(content)
    from safelight.imaging.raster import load_raster_samples

    return load_raster_samples(content, file_format)


def read_source(source: Source) -> bytes:
    """The bytes of a file of at most `MAX_FILE_BYTES`."""
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with Path(source).open("rb") as stream:
                content = stream.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as exc:
            raise ImageError(
                "the file cannot be opened", hint="check that it exists and may be read"
            ) from exc
    if len(content) > MAX_FILE_BYTES:
        raise ImageError(
            f"the file is larger than the limit of {MAX_FILE_BYTES} bytes",
            hint="give a single image instead of a whole series",
        )
    return content


def chosen_frame(frame: FrameChoice, frame_count: int, *, default: int) -> int | None:
    """The index of the frame to read, or None for all of several.

    Args:
        frame: The caller's choice.
        frame_count: In the file, at least 1.
        default: What ``"default"`` means for this format.

    Raises:
        ImageError: no such frame.
    """
    if frame == "all":
        return None
    index = default if frame == "default" else frame
    if not 0 <= index < frame_count:
        raise ImageError(
            f"there is no frame {index}: the file has {frame_count}",
            hint="frames are numbered from 0",
        )
    return index
