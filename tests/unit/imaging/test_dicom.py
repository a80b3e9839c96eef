"""DICOM: the grey and colour pipelines, and what is refused."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from bad_inputs import BAD_DICOM
from imaging_samples import build_dicom
from safelight.errors import ImageError
from safelight.imaging import Image, load_image, load_pixels_raw

GREY = np.arange(12 * 16, dtype=np.uint8).reshape(12, 16)
LARGE = np.tile(GREY, (6, 4))  # OpenJPEG needs at least 32 pixels a side
CT = (np.arange(12 * 16, dtype=np.int16).reshape(12, 16) * 20) - 500
CT_TAGS = {"Modality": "CT", "RescaleSlope": "1", "RescaleIntercept": "-1024"}


def item(**attributes: object) -> Sequence:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return Sequence([dataset])


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_native_syntaxes(syntax: str) -> None:
    assert np.array_equal(load_pixels_raw(build_dicom(CT, syntax=syntax)), CT)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_compressed_syntaxes(syntax: str) -> None:
    assert np.array_equal(load_pixels_raw(build_dicom(LARGE, encode=syntax)), LARGE)


def test_eight_bits_equal_the_png_of_the_same_samples() -> None:
    shown = load_image(build_dicom(GREY // 2))
    assert np.array_equal(shown.pixels, Image.from_array(GREY // 2).pixels)


def test_monochrome1_is_inverted_once() -> None:
    inverted = build_dicom(GREY, photometric="MONOCHROME1", PresentationLUTShape="INVERSE")
    assert np.allclose(load_image(inverted).pixels, 1.0 - GREY / 255.0)


def test_without_preamble() -> None:
    content = build_dicom(GREY)
    assert np.array_equal(load_pixels_raw(content[132:]), GREY)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # PS3.3 C.11.2.1.2 with center 0 and width 100, at −60, −50, −0.5, 0, 49, 60
        ("LINEAR", [0.0, 0.0, 0.5, 0.5 / 99 + 0.5, 1.0, 1.0]),
        ("LINEAR_EXACT", [0.0, 0.0, 0.5 - 0.5 / 100, 0.5, 0.99, 1.0]),
        ("SIGMOID", [1 / (1 + np.exp(-4 * x / 100)) for x in (-60, -50, -0.5, 0, 49, 60)]),
    ],
)
def test_windows(function: str, expected: list[float]) -> None:
    stored = np.array([[-120, -100, -1, 0, 98, 120]], dtype=np.int16)
    content = build_dicom(
        stored, RescaleSlope="0.5", RescaleIntercept="0", WindowCenter=["0", "7"],
        WindowWidth=["100", "9"], VOILUTFunction=function,
    )  # fmt: skip
    image = load_image(content)
    assert image.pixels[0] == pytest.approx(expected)
    assert any(function in step for step in image.provenance)


def test_window_of_width_one_is_a_step() -> None:
    stored = np.array([[-1, 0, 1]], dtype=np.int16)
    shown = load_image(build_dicom(stored, WindowCenter="0.5", WindowWidth="1")).pixels
    assert shown.tolist() == [[0.0, 0.0, 1.0]]


def test_window_of_width_zero_is_left_out() -> None:
    shown = load_image(build_dicom(CT, WindowCenter="0", WindowWidth="0"))
    assert (shown.pixels.min(), shown.pixels.max()) == (0.0, 1.0)
    assert "VOI LUT: none; the full range" in shown.provenance


def test_voi_table_comes_before_the_window() -> None:
    stored = np.array([[0, 10, 11, 12, 200]], dtype=np.uint16)
    table = item(LUTDescriptor=[3, 10, 8], LUTData=struct.pack("<3H", 0, 51, 255))
    content = build_dicom(stored, WindowCenter="5", WindowWidth="10", VOILUTSequence=table)
    assert load_image(content).pixels.tolist() == [[0.0, 0.0, 0.2, 1.0, 1.0]]


def test_modality_table() -> None:
    stored = np.array([[0, 1, 2, 3]], dtype=np.uint16)
    table = item(
        LUTDescriptor=[3, 1, 16], LUTData=struct.pack("<3H", 100, 300, 200), ModalityLUTType="US"
    )
    content = build_dicom(stored, ModalityLUTSequence=table)
    assert load_image(content, value_scale="modality").pixels.tolist() == [[100, 100, 300, 200]]


def test_padding_does_not_stretch_the_range() -> None:
    stored = np.array([[-2000, 0, 50, 100]], dtype=np.int16)
    shown = load_image(build_dicom(stored, PixelPaddingValue=-2000)).pixels
    assert shown.tolist() == [[0.0, 0.0, 0.5, 1.0]]


def test_hounsfield() -> None:
    image = load_image(build_dicom(CT, **CT_TAGS), value_scale="hounsfield")
    assert np.array_equal(image.pixels, CT - 1024.0)
    assert image.modality == "CT"
    for content in (build_dicom(CT), build_dicom(CT, **{**CT_TAGS, "RescaleType": "US"})):
        with pytest.raises(ImageError, match="no Hounsfield units"):
            load_image(content, value_scale="hounsfield")


def test_frames() -> None:
    stack = np.stack([GREY, GREY + 1, GREY + 2, GREY + 3]).astype(np.uint8)
    content = build_dicom(stack, frames=4)
    assert np.array_equal(load_image(content).pixels, stack[2] / 255.0)
    assert np.array_equal(load_image(content, frame=3).pixels, stack[3] / 255.0)
    everything = load_image(content, frame="all")
    assert everything.has_frames
    assert everything.pixels.shape == (4, 12, 16)
    assert np.array_equal(everything.frame(1).pixels, stack[1] / 255.0)
    with pytest.raises(ImageError, match="no frame 4"):
        load_image(content, frame=4)


def test_functional_groups_of_each_frame() -> None:
    stack = np.stack([CT, CT])
    groups = []
    for intercept in ("0", "1000"):
        group = Dataset()
        group.PixelValueTransformationSequence = item(
            RescaleSlope="1", RescaleIntercept=intercept, RescaleType="HU"
        )
        groups.append(group)
    shared = item(PixelMeasuresSequence=item(PixelSpacing=["0.5", "0.25"]))
    content = build_dicom(
        stack, frames=2, Modality="CT", PerFrameFunctionalGroupsSequence=Sequence(groups),
        SharedFunctionalGroupsSequence=shared,
    )  # fmt: skip
    image = load_image(content, frame="all", value_scale="hounsfield")
    assert np.array_equal(image.pixels[1] - image.pixels[0], np.full(CT.shape, 1000.0))
    assert image.spacing_mm == (0.5, 0.25)


def test_colour() -> None:
    rgb = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)
    shown = load_image(build_dicom(rgb, photometric="RGB"))
    assert shown.is_colour
    assert np.array_equal(shown.pixels, rgb / 255.0)
    with pytest.raises(ImageError, match="colour image"):
        load_image(build_dicom(rgb, photometric="RGB"), value_scale="modality")


def test_palette_plain_and_segmented() -> None:
    stored = np.array([[0, 1, 2, 3]], dtype=np.uint8)
    descriptors = {
        f"{colour}PaletteColorLookupTableDescriptor": [4, 0, 16]
        for colour in ("Red", "Green", "Blue")
    }
    ramp = struct.pack("<4H", 0, 21845, 43690, 65535)
    flat = struct.pack("<4H", 0, 0, 0, 0)
    plain = {
        "RedPaletteColorLookupTableData": ramp,
        "GreenPaletteColorLookupTableData": flat,
        "BluePaletteColorLookupTableData": flat,
    }
    segments = struct.pack("<6H", 0, 1, 0, 1, 3, 65535)
    flat_segments = struct.pack("<6H", 0, 1, 0, 1, 3, 0)
    segmented = {
        "SegmentedRedPaletteColorLookupTableData": segments,
        "SegmentedGreenPaletteColorLookupTableData": flat_segments,
        "SegmentedBluePaletteColorLookupTableData": flat_segments,
    }
    for tables in (plain, segmented):
        content = build_dicom(stored, photometric="PALETTE COLOR", **descriptors, **tables)
        shown = load_image(content)
        assert shown.pixels[0, :, 0] == pytest.approx([0, 1 / 3, 2 / 3, 1])
        assert not shown.pixels[..., 1:].any()


@pytest.mark.parametrize("name", BAD_DICOM)
def test_refusals_have_a_hint_and_nothing_of_the_patient(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(BAD_DICOM[name])
    said = caught.value.message + caught.value.hint
    assert caught.value.hint
    assert "Mustermann" not in said
    assert "SECRET" not in said


def test_no_pixels() -> None:
    with pytest.raises(ImageError, match="holds no image"):
        load_image(BAD_DICOM["no-pixels.dcm"])


@pytest.mark.parametrize("name", ["larger-inside.dcm", "smaller-inside.dcm"])
def test_a_codestream_may_not_announce_another_size(name: str) -> None:
    with pytest.raises(ImageError, match="another size"):
        load_image(BAD_DICOM[name])


def test_deflate_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    content = build_dicom(GREY, syntax=DeflatedExplicitVRLittleEndian)
    monkeypatch.setattr("safelight.imaging.dicom_meta.MAX_INFLATED_BYTES", 100)
    with pytest.raises(ImageError, match="expands to more than 100"):
        load_image(content)


def test_repr_shows_shapes_only() -> None:
    image = load_image(build_dicom(GREY))
    assert repr(image) == "Image(12 × 16 grey, display, DICOM)"
    assert "ecret" not in str(image.provenance) + str(vars(image).keys())
