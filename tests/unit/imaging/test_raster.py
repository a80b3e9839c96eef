"""PNG, JPEG, TIFF and JPEG 2000: scaling, colour models, orientation, and what is refused."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest

from bad_inputs import BAD_PICTURES
from imaging_samples import build_picture
from safelight.errors import ImageError
from safelight.imaging import load_image, load_pixels_raw

GREY = np.arange(6 * 9, dtype=np.uint8).reshape(6, 9) * 4
DEEP = np.arange(6 * 9, dtype=np.uint16).reshape(6, 9) * 1200
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=-1)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG2000"])
def test_lossless_grey_and_colour(file_format: str) -> None:
    for array, largest in ((GREY, 255), (RGB, 255), (DEEP, 65535)):
        content = build_picture(array, file_format)
        image = load_image(content)
        assert np.array_equal(image.pixels, array / largest)
        assert np.array_equal(load_pixels_raw(content), array)


def test_jpeg() -> None:
    image = load_image(build_picture(GREY, "JPEG", quality=100, subsampling=0))
    assert np.abs(image.pixels - GREY / 255.0).max() < 0.02
    assert image.source_format == "JPEG"


def test_exif_orientation() -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    content = build_picture(GREY, "PNG", exif=exif)
    assert np.array_equal(load_image(content).pixels, np.rot90(GREY, -1) / 255.0)


def test_one_bit_and_palette() -> None:
    bits = PIL.Image.fromarray(GREY > 100)
    assert np.array_equal(load_image(build_picture(bits)).pixels, (GREY > 100) * 1.0)
    palette = PIL.Image.fromarray(RGB).quantize(256)
    expected = np.asarray(palette.convert("RGB")) / 255.0
    assert np.array_equal(load_image(build_picture(palette)).pixels, expected)


def test_alpha_is_composited_over_black() -> None:
    alpha = np.full_like(GREY, 51)
    with_alpha = np.dstack([RGB, alpha])
    image = load_image(build_picture(with_alpha))
    assert np.allclose(image.pixels, RGB / 255.0 * 0.2)
    grey = PIL.Image.merge("LA", [PIL.Image.fromarray(GREY), PIL.Image.fromarray(alpha)])
    assert np.allclose(load_image(build_picture(grey)).pixels, GREY / 255.0 * 0.2)


def test_transparent_colour() -> None:
    content = build_picture(GREY, "PNG", transparency=4)
    image = load_image(content)
    assert image.pixels[0, 1] == 0.0
    assert image.pixels[0, 2] == 8 / 255.0


def test_pages() -> None:
    pages = [PIL.Image.fromarray(GREY + k) for k in (0, 1, 2)]
    content = build_picture(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert load_image(content).frame_count == 3
    assert np.array_equal(load_image(content).pixels, GREY / 255.0)
    assert np.array_equal(load_image(content, frame=2).pixels, (GREY + 2) / 255.0)
    for frame in (3, -1, "all"):
        with pytest.raises(ImageError):
            load_image(content, frame=frame)


def test_white_is_zero() -> None:
    for array, largest in ((GREY, 255), (DEEP, 65535)):
        content = build_picture(array, "TIFF", tiffinfo={262: 0})
        picture = load_image(content).pixels
        # Pillow writes the samples as given and only changes their meaning for 16 bits
        assert np.allclose(picture, 1 - array / largest) or np.allclose(picture, array / largest)
    assert np.allclose(load_image(build_picture(DEEP, "TIFF", tiffinfo={262: 0})).pixels,
                       1 - DEEP / 65535)  # fmt: skip


def test_floats_have_no_brightness_of_their_own() -> None:
    values = np.linspace(-3, 5, 54, dtype=np.float32).reshape(6, 9)
    content = build_picture(values, "TIFF")
    assert np.allclose(load_image(content).pixels, (values + 3) / 8, atol=1e-6)
    assert np.array_equal(load_image(content, value_scale="modality").pixels, values)
    values[0, 0] = np.nan
    with pytest.raises(ImageError, match="finite"):
        load_image(build_picture(values, "TIFF"))


def test_brightness_is_not_hounsfield() -> None:
    with pytest.raises(ImageError, match="no physical values"):
        load_image(build_picture(GREY), value_scale="hounsfield")


def test_too_many_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safelight.imaging.limits.MAX_PIXELS", 50)
    with pytest.raises(ImageError, match="6 × 9"):
        load_image(build_picture(GREY))


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_not_an_image(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(BAD_PICTURES[name])
    assert caught.value.hint


def test_the_name_does_not_matter(tmp_path: pytest.TempPathFactory) -> None:
    path = tmp_path / "picture.dcm"  # type: ignore[operator]
    path.write_bytes(build_picture(GREY))
    assert load_image(path).source_format == "PNG"
    for missing in (tmp_path / "none", tmp_path, "bad\0name"):  # type: ignore[operator]
        with pytest.raises(ImageError, match="cannot be opened"):
            load_image(missing)
