"""A DICOM file to an image: decoding, then the grey or colour pipeline of each frame."""

from __future__ import annotations

import numpy as np

from safelight.imaging.dicom import DicomFile, translated
from safelight.imaging.dicom_attributes import code, frame_attributes, spacing_mm
from safelight.imaging.dicom_rendering import render_frame
from safelight.imaging.file_format import FileFormat
from safelight.imaging.image import Image, Pixels, Samples, ValueScale
from safelight.imaging.load import FrameChoice, chosen_frame


def load_dicom_image(content: bytes, *, frame: FrameChoice, value_scale: ValueScale) -> Image:
    """The image in a DICOM file; see `safelight.imaging.load.load_image`.

    The default frame of a multi-frame object is the middle one, ``frame_count // 2``.
    """
    opened = DicomFile(content)
    index = chosen_frame(frame, opened.frame_count, default=opened.frame_count // 2)
    decoded = opened.decode(index)
    with translated("the DICOM file"):
        if index is not None:
            pixels, steps = _render(opened, decoded, index, value_scale)
            steps = (f"frame {index} of {opened.frame_count}", *steps)
        else:
            stack = decoded.reshape((opened.frame_count, *opened.frame_shape))
            frames = [_render(opened, part, k, value_scale) for k, part in enumerate(stack)]
            pixels = np.stack([part for part, _ in frames])
            steps = (f"all {opened.frame_count} frames, each by its own LUTs", *frames[0][1])
        return Image(
            pixels=pixels,
            value_scale=value_scale,
            has_frames=index is None,
            frame_count=opened.frame_count,
            modality=code(opened.dataset, "Modality"),
            photometric=code(opened.dataset, "PhotometricInterpretation"),
            source_format=FileFormat.DICOM,
            spacing_mm=spacing_mm(opened.dataset, index or 0),
            provenance=(f"DICOM, {opened.transfer_syntax_name}", *steps),
        )


def _render(
    opened: DicomFile, stored: Samples, frame: int, value_scale: ValueScale
) -> tuple[Pixels, tuple[str, ...]]:
    attributes = frame_attributes(opened.dataset, frame, little_endian=opened.is_little_endian)
    return render_frame(stored, attributes, value_scale)
