"""PNG, JPEG, TIFF and JPEG 2000 through Pillow: the one file that imports it.

Choices, so that another client can make the same:

- 8-bit samples are divided by 255, 16-bit ones by 65535. 16-bit *colour* PNG and TIFF files are
  read at 8 bits, as Pillow does; 16-bit grey keeps all its bits.
- Transparency is composited over black: a sample times its alpha.
- EXIF orientation is applied; colour profiles are not.
- The sampled numbers of 32-bit integer and float TIFFs have no stated brightness: for ``display``
  the smallest shows black and the largest white.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import PIL.Image
import PIL.ImageOps

from safelight.errors import ImageError
from safelight.imaging.decoding_errors import decoding_errors
from safelight.imaging.file_format import FileFormat
from safelight.imaging.image import Image, Pixels, Samples, ValueScale
from safelight.imaging.limits import check_frame_size
from safelight.imaging.load import FrameChoice, chosen_frame
from safelight.imaging.voi_lut import FullRange

_PILLOW_FORMATS = {
    FileFormat.PNG: ("PNG",),
    # phones write several pictures into one JPEG file, which Pillow calls MPO; we read the first
    FileFormat.JPEG: ("JPEG", "MPO"),
    FileFormat.TIFF: ("TIFF",),
    FileFormat.JPEG2000: ("JPEG2000",),
}
_SIXTEEN_BIT_GREY = ("I;16", "I;16L", "I;16B", "I;16N")
_UNSCALED_GREY = ("I", "F")
_WITH_ALPHA = {"LA": "LA", "PA": "RGBA", "RGBA": "RGBA"}
_WITH_TRANSPARENT_COLOUR = {"1": "LA", "L": "LA", "P": "RGBA", "RGB": "RGBA"}
_TO_RGB = ("RGB", "RGBX", "CMYK", "YCbCr", "P")
_TIFF_PHOTOMETRIC = 262
_MIN_IS_WHITE = 0


def load_raster_image(
    content: bytes, file_format: FileFormat, *, frame: FrameChoice, value_scale: ValueScale
) -> Image:
    """The image in a PNG, JPEG, TIFF or JPEG 2000 file; see `load_image`.

    The default frame of a TIFF is its first page; ``"all"`` is refused.
    """
    with _opened(content, file_format) as picture:
        if frame == "all":
            raise ImageError(
                f"all frames of a {file_format} file cannot be read at once",
                hint="choose a page by its number",
            )
        pages = int(getattr(picture, "n_frames", 1)) if file_format is FileFormat.TIFF else 1
        index = chosen_frame(frame, pages, default=0)
        if pages > 1:
            picture.seek(index or 0)
            check_frame_size(picture.height, picture.width)
        photometric = picture.mode
        pixels, steps = _pixels(_upright(picture), value_scale)
    return Image(
        pixels=pixels,
        value_scale=value_scale,
        frame_count=pages,
        photometric=photometric,
        source_format=file_format,
        provenance=(str(file_format), *steps),
    )


def load_raster_samples(content: bytes, file_format: FileFormat) -> Samples:
    """The samples of the first page as Pillow decodes them, not turned upright."""
    with _opened(content, file_format) as picture:
        return np.array(picture)


@contextmanager
def _opened(content: bytes, file_format: FileFormat) -> Iterator[PIL.Image.Image]:
    """Opens a picture whose size is allowed; turns Pillow's errors into one `ImageError`."""
    what = f"the {file_format} image"
    with decoding_errors(what), warnings.catch_warnings():
        # damaged metadata only warns; damaged pixels raise
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.simplefilter("error", PIL.Image.DecompressionBombWarning)
        try:
            formats = _PILLOW_FORMATS[file_format]
            with PIL.Image.open(io.BytesIO(content), formats=formats) as picture:
                check_frame_size(picture.height, picture.width)
                yield picture
        except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as exc:
            raise ImageError(
                f"{what} has more pixels than the limit", hint="reduce it before it is read"
            ) from exc


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Turned as its EXIF orientation asks, and 16-bit TIFFs so that larger is brighter."""
    inverted = (
        picture.format == "TIFF"
        and picture.mode in _SIXTEEN_BIT_GREY
        and getattr(picture, "tag_v2", {}).get(_TIFF_PHOTOMETRIC) == _MIN_IS_WHITE
    )
    picture.load()
    turned = PIL.ImageOps.exif_transpose(picture)
    if inverted:  # Pillow inverts 8-bit MinIsWhite itself, and 16-bit not
        samples = np.iinfo(np.uint16).max - np.asarray(turned).astype(np.uint16)
        return PIL.Image.fromarray(samples)
    return turned


def _pixels(picture: PIL.Image.Image, value_scale: ValueScale) -> tuple[Pixels, tuple[str, ...]]:
    if picture.mode in _UNSCALED_GREY:
        values = np.asarray(picture).astype(np.float64)
        if value_scale != "display":
            return values, ("taken as it is",)
        if not np.isfinite(values).all():
            return values, ()  # which the image refuses
        return FullRange(float(values.min()), float(values.max())).apply(values), ("full range",)
    if value_scale != "display":
        raise ImageError(
            f"a {picture.mode} picture has brightness only, no physical values",
            hint="this model works on values such as Hounsfield units; give a CT image",
        )
    if picture.mode in _SIXTEEN_BIT_GREY:
        return np.asarray(picture).astype(np.float64) / 65535.0, ("divided by 65535",)
    if picture.mode in _WITH_TRANSPARENT_COLOUR and "transparency" in picture.info:
        picture = picture.convert(_WITH_TRANSPARENT_COLOUR[picture.mode])
    if picture.mode in _WITH_ALPHA:
        samples = np.asarray(picture.convert(_WITH_ALPHA[picture.mode])).astype(np.float64) / 255.0
        over_black = samples[..., :-1] * samples[..., -1:]
        grey = picture.mode == "LA"
        return over_black[..., 0] if grey else over_black, ("divided by 255", "alpha over black")
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L")).astype(np.float64) / 255.0, ("divided by 255",)
    if picture.mode in _TO_RGB:
        return np.asarray(picture.convert("RGB")).astype(np.float64) / 255.0, ("divided by 255",)
    raise ImageError(
        "the picture's colour model is not supported", hint="convert it to grey or RGB"
    )
