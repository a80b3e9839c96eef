"""NIfTI: layouts, scaling, and what is refused."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from bad_inputs import BAD_NIFTI
from imaging_samples import build_nifti
from safelight.errors import ImageError
from safelight.imaging import load_image, load_pixels_raw

VOLUME = np.arange(5 * 4 * 3, dtype=np.int16).reshape(5, 4, 3) - 7


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("compressed", [False, True])
def test_layouts(version: int, endian: str, dtype: type[np.generic], compressed: bool) -> None:
    volume = np.abs(VOLUME).astype(dtype)
    content = build_nifti(volume, version=version, endian=endian)
    content = gzip.compress(content, mtime=0) if compressed else content
    assert np.array_equal(load_pixels_raw(content), volume)
    image = load_image(content, value_scale="modality")
    assert np.array_equal(image.pixels, volume[:, :, 1].T)  # rows are y, columns x
    assert image.frame_count == 3


def test_scaling_and_units() -> None:
    content = build_nifti(VOLUME, slope=0.5, intercept=3.0, zooms=(2.0, 3.0, 4.0), units=3)
    image = load_image(content, frame=0, value_scale="hounsfield")
    assert np.array_equal(image.pixels, VOLUME[:, :, 0].T * 0.5 + 3.0)
    assert image.spacing_mm == (0.003, 0.002)
    assert load_image(build_nifti(VOLUME, units=0)).spacing_mm is None


def test_display_range() -> None:
    whole = load_image(build_nifti(VOLUME), frame="all").pixels
    assert np.allclose(whole, (VOLUME.T + 7) / 59.0)
    stated = load_image(build_nifti(VOLUME, cal=(0.0, 10.0)), frame="all").pixels
    assert np.allclose(stated, np.clip(VOLUME.T / 10.0, 0, 1))


def test_time_counts_on_after_slices() -> None:
    volume = np.arange(2 * 2 * 3 * 4, dtype=np.int16).reshape(2, 2, 3, 4)
    image = load_image(build_nifti(volume), frame=7, value_scale="modality")
    assert np.array_equal(image.pixels, volume[:, :, 1, 2].T)


def test_nan_is_background() -> None:
    volume = VOLUME.astype(np.float32)
    volume[0, 0, 1] = np.nan
    image = load_image(build_nifti(volume), value_scale="modality")
    assert image.pixels[0, 0] == -7.0
    assert "1 voxels without value set to the smallest" in image.provenance
    volume[:] = np.nan
    with pytest.raises(ImageError, match="no values"):
        load_image(build_nifti(volume))


@pytest.mark.parametrize(("content", "message"), BAD_NIFTI.values(), ids=BAD_NIFTI)
def test_refusals(content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        load_image(content)
    assert caught.value.hint


def test_damaged_gzip_checksum() -> None:
    content = bytearray(gzip.compress(build_nifti(VOLUME), mtime=0))
    content[-6] ^= 1
    with pytest.raises(ImageError, match="damaged"):
        load_image(bytes(content))


def test_gzip_members_in_a_row() -> None:
    plain = build_nifti(VOLUME)
    joined = gzip.compress(plain[:400], mtime=0) + gzip.compress(plain[400:])
    assert np.array_equal(load_pixels_raw(joined), VOLUME)


def test_infinite_values_are_refused() -> None:
    volume = VOLUME.astype(np.float64)
    volume[0, 0, 1] = np.inf
    with pytest.raises(ImageError, match="finite"):
        load_image(build_nifti(volume))
