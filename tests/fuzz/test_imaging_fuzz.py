"""Invariant: whatever the bytes, an `Image` or an `ImageError` with a hint, nothing else."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from imaging_samples import build_dicom, build_nifti, build_picture
from safelight.errors import ImageError, RecordError
from safelight.imaging import Image, load_image, load_pixels_raw, read_records

_NOISE = np.random.default_rng(3).integers(0, 256, (40, 40, 3), dtype=np.uint8)
_GREY = _NOISE[..., 0].copy()
_VOLUME = _NOISE[:6, :5, :].astype(np.int16)

SEEDS = {
    "dicom": build_dicom(_GREY, RescaleSlope="2", RescaleIntercept="1", WindowCenter="9",
                         WindowWidth="8"),
    "dicom big endian": build_dicom(_GREY.astype(np.int16), syntax=ExplicitVRBigEndian),
    "dicom deflated": build_dicom(_GREY, syntax=DeflatedExplicitVRLittleEndian),
    "dicom bare": build_dicom(_GREY)[132:],
    "dicom colour": build_dicom(_NOISE, photometric="RGB"),
    "dicom frames": build_dicom(_VOLUME, frames=6),
    "dicom RLE": build_dicom(_GREY, encode=RLELossless),
    "dicom JPEG 2000": build_dicom(_GREY, encode=JPEG2000Lossless),
    "dicom JPEG-LS": build_dicom(_GREY, encode=JPEGLSLossless),
    "nifti 1": build_nifti(_VOLUME, slope=2.0),
    "nifti 2": build_nifti(_VOLUME.astype(np.float64), version=2, endian=">"),
    "nifti gzip": gzip.compress(build_nifti(_VOLUME), mtime=0),
    "png": build_picture(_NOISE),
    "jpeg": build_picture(_NOISE, "JPEG"),
    "tiff": build_picture(_NOISE, "TIFF"),
    "tiff packed": build_picture(_GREY, "TIFF", compression="tiff_lzw"),
    "jpeg 2000": build_picture(_NOISE, "JPEG2000"),
}  # fmt: skip


def holds(content: bytes) -> None:
    """The invariant."""
    for attempt in (
        lambda: load_image(content),
        lambda: load_image(content, frame="all", value_scale="modality"),
    ):
        try:
            assert isinstance(attempt(), Image)
        except ImageError as exc:
            assert exc.hint  # noqa: PT017
    try:
        assert isinstance(load_pixels_raw(content), np.ndarray)
    except ImageError as exc:
        assert exc.hint  # noqa: PT017


@pytest.mark.parametrize("name", SEEDS)
def test_the_seed_is_an_image(name: str) -> None:
    assert load_image(SEEDS[name]).pixels.size


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_cut_short(name: str, data: st.DataObject) -> None:
    seed = SEEDS[name]
    holds(seed[: data.draw(st.integers(0, len(seed) - 1))])


@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_changed(name: str, data: st.DataObject) -> None:
    content = bytearray(SEEDS[name])
    places = st.one_of(st.integers(0, min(len(content), 700) - 1), st.integers(0, len(content) - 1))
    for place in data.draw(st.lists(places, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    holds(bytes(content))


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=600))
def test_anything(content: bytes) -> None:
    holds(content)


@settings(max_examples=200, deadline=None)
@given(content=st.one_of(st.binary(max_size=80), st.text("0123456789.,-[]{}\":\nenai ").map(
    lambda text: text.encode())))  # fmt: skip
def test_tables(content: bytes) -> None:
    """Invariant: records of finite numbers, or a `RecordError` with a hint."""
    try:
        assert np.isfinite(read_records(content, feature_count=2).features).all()
    except RecordError as exc:
        assert exc.hint  # noqa: PT017
