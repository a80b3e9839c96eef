"""Every file of shared/data/dicom and shared/data/nifti against its INDEX.csv.

Recipe of ``pixel_sha1``, found by trying: SHA-1 of the bytes, in C order, of pydicom's
``pixel_array`` in its own byte order; the first 16 hexadecimal digits.

The index was made with the GPL decoder pylibjpeg-libjpeg, which we do not ship. Of the 210 rows
that decode, 197 agree to the bit. The other 13 are lossy JPEG with a cosine transform, where
ITU-T T.83 allows decoders to differ by rounding: against that decoder ours were measured to
differ by at most 1 in grey samples, and by 3 in red, green and blue after conversion. For these
shape, type, and the extremes within that distance are compared.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from safelight.errors import ImageError
from safelight.imaging import load_image, load_pixels_raw

pytestmark = pytest.mark.data

LOSSY_JPEG = ("JPEG Baseline (Process 1)", "JPEG Extended (Process 2 and 4)")
EXACT_ROWS, ROUNDED_ROWS, REFUSED_ROWS = 197, 13, 102
LARGEST_ROUNDING = 3
# JPEG-lossy.dcm breaks T.81 in its scan header, which stopped the index's decoder; GDCM reads it,
# and gives the very samples of JPGExtended.dcm, which is its repaired twin.
REPAIRED = "pydicom/JPEG-lossy.dcm"


def rows_of(index: Path) -> list[dict[str, str]]:
    with index.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_every_dicom_row(data_dir: Path) -> None:
    folder = data_dir / "dicom"
    exact = rounded = refused = 0
    for row in rows_of(folder / "INDEX.csv"):
        path = folder / row["path"]
        if row["path"] == REPAIRED:
            continue
        if row["decode"] != "ok":
            with pytest.raises(ImageError) as caught:
                load_pixels_raw(path)
            assert caught.value.hint, row["path"]
            refused += 1
            continue
        pixels = load_pixels_raw(path)
        assert (str(pixels.shape), str(pixels.dtype)) == (row["shape"], row["dtype"]), row["path"]
        digest = hashlib.sha1(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]
        if digest == row["pixel_sha1"]:
            exact += 1
        else:
            assert row["ts_name"] in LOSSY_JPEG, row["path"]
            assert abs(int(pixels.min()) - float(row["pmin"])) <= LARGEST_ROUNDING
            assert abs(int(pixels.max()) - float(row["pmax"])) <= LARGEST_ROUNDING
            rounded += 1
    assert (exact, rounded, refused) == (EXACT_ROWS, ROUNDED_ROWS, REFUSED_ROWS)


def test_every_decodable_dicom_file_is_shown(data_dir: Path) -> None:
    folder = data_dir / "dicom"
    for row in rows_of(folder / "INDEX.csv"):
        if row["decode"] == "ok":
            image = load_image(folder / row["path"])
            assert image.value_scale == "display"
            assert image.height == int(row["rows"])
            assert image.width == int(row["cols"])
            assert image.frame_count == int(row["frames"] or 1)


def test_the_repaired_twin(data_dir: Path) -> None:
    folder = data_dir / "dicom"
    twin = load_pixels_raw(folder / "pydicom/JPGExtended.dcm")
    assert np.array_equal(load_pixels_raw(folder / REPAIRED), twin)


def test_same_picture_in_every_lossless_syntax(data_dir: Path) -> None:
    folder = data_dir / "dicom/cornerstone-wado/examples/test-images"
    original = load_image(folder / "CTImage.dcm")
    lossless = [p for p in folder.glob("CTImage.dcm_*") if p.name.endswith(
        ("1.2.1.dcm", "1.2.dcm", "1.2.2.dcm", "1.99.dcm", "4.57.dcm", "4.70.dcm", "4.80.dcm",
         "4.90.dcm", "1.2.5.dcm"))]  # fmt: skip
    assert len(lossless) == 9
    for path in lossless:
        assert np.array_equal(load_image(path).pixels, original.pixels), path.name
    for path in set(folder.glob("CTImage.dcm_*")) - set(lossless):
        if "4.53" in path.name or "4.55" in path.name:
            continue
        assert np.abs(load_image(path).pixels - original.pixels).mean() < 0.05, path.name


def test_every_nifti_row(data_dir: Path) -> None:
    folder = data_dir / "nifti"
    loaded = refused = 0
    for row in rows_of(folder / "INDEX.csv"):
        path = folder / row["path"]
        if row["load"] != "ok":
            with pytest.raises(ImageError) as caught:
                load_image(path)
            assert caught.value.hint
            refused += 1
            continue
        stored = load_pixels_raw(path)
        assert str(stored.shape) == row["shape"]
        assert stored.dtype == np.dtype(row["dtype"]).newbyteorder(row["endian"])
        image = load_image(path, frame="all", value_scale="modality")
        assert image.pixels.min() == pytest.approx(float(row["min"]), rel=1e-6)
        assert image.pixels.max() == pytest.approx(float(row["max"]), rel=1e-6)
        loaded += 1
    assert (loaded, refused) == (17, 6)
