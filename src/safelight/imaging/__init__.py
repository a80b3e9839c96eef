"""Files to arrays: DICOM, NIfTI, PNG, JPEG, TIFF, JPEG 2000 and tables of records.

Importing this package pulls neither pydicom nor Pillow: each decoder is imported when a file of
its format is first opened. pydicom is imported by `safelight.imaging.dicom` and by
`safelight.imaging.deidentification`, Pillow by `safelight.imaging.raster` alone.
"""

from safelight.imaging.image import Image, ValueScale
from safelight.imaging.load import FrameChoice, load_image, load_pixels_raw
from safelight.imaging.preprocessing import Preprocessing
from safelight.imaging.records import Records, read_records

__all__ = [
    "FrameChoice",
    "Image",
    "Preprocessing",
    "Records",
    "ValueScale",
    "load_image",
    "load_pixels_raw",
    "read_records",
]
