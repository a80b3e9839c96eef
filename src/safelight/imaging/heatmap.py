"""Pictures of what in an image spoke for a finding: the class-activation map over the image.

Blue spoke against it, orange for it, which readers with any kind of colour blindness tell apart;
the stronger, the less see-through. Evidence is in log-odds (logits, divided by the temperature):
the average over the map is the log-odds of the probability given.

**Security**: a map follows from decrypted numbers. What a picture shows of it is coarse, `STEPS`
levels from its largest value down, and its file is named by a number, not after the patient's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from safelight.imaging.resampling import resize

FloatArray = NDArray[np.float64]

STEPS = 8
"""Levels of evidence on each side of zero: as much as an eye reads from a legend."""
LEAST_FULL_SCALE = 4.0
"""Log-odds; a map fainter than this stays faint, so that noise does not look like evidence."""
MOST_OPACITY = 0.62
_FOR, _AGAINST = (213, 94, 0), (0, 114, 178)  # Okabe and Ito's vermilion and blue
_SIDE, _GAP, _BAR = 448, 20, 26
_INK, _MUTED = (27, 39, 51), (90, 102, 114)


@dataclass(frozen=True)
class Heatmap:
    """A coarse map of one finding.

    Args:
        finding: Name of the class that the evidence is for or against.
        levels: int ``[height, width]`` from −`STEPS` to `STEPS`.
        full_scale: Log-odds of level `STEPS`, two significant digits.
    """

    finding: str
    levels: NDArray[np.int64]
    full_scale: float


def coarse(finding: str, evidence: FloatArray) -> Heatmap:
    """Rounds a map of log-odds ``[height, width]`` to what may be shown."""
    largest = max(float(np.abs(evidence).max()), LEAST_FULL_SCALE)
    full_scale = float(f"{largest:.1e}")
    levels = np.clip(np.round(evidence / full_scale * STEPS), -STEPS, STEPS)
    return Heatmap(finding, levels.astype(np.int64), full_scale)


def overlay(view: FloatArray, heatmap: Heatmap, caption: tuple[str, ...]) -> Picture.Image:
    """The image, the image under its heatmap, and the legend, side by side.

    Args:
        view: ``[1 or 3, height, width]``, brightness 0 … 1: the part that the model saw.
        heatmap: Its map; each element is drawn over its part of the view.
        caption: Lines below; no name of a patient or file.
    """
    height, width = _fitted(*view.shape[1:])
    base = np.clip(resize(view, height, width), 0.0, 1.0)
    base = np.repeat(base, 3, axis=0) if len(base) == 1 else base
    strength = _spread(heatmap.levels / STEPS, height, width)
    opacity = MOST_OPACITY * np.abs(strength)
    colour = np.where(strength[None] >= 0, *(_planes(c) for c in (_FOR, _AGAINST)))
    mixed = base * (1 - opacity) + colour * opacity
    sheet = Picture.new(
        "RGB", (2 * width + 3 * _GAP + _BAR + 132, height + 2 * _GAP + 22 * len(caption)), "white"
    )
    sheet.paste(_picture(base), (_GAP, _GAP))
    sheet.paste(_picture(mixed), (2 * _GAP + width, _GAP))
    draw = ImageDraw.Draw(sheet)
    _legend(sheet, draw, heatmap, 3 * _GAP + 2 * width, height)
    for number, line in enumerate(caption):
        place = (_GAP, height + _GAP + 10 + 22 * number)
        draw.text(place, line, fill=_MUTED if number else _INK, font=_font(15 if number else 17))
    return sheet


def _fitted(height: int, width: int) -> tuple[int, int]:
    factor = _SIDE / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def _spread(levels: FloatArray, height: int, width: int) -> FloatArray:
    """Bilinear between the middles of the map's elements, flat beyond the outermost ones."""

    def along(size: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
        place = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
        low = np.minimum(place.astype(np.int64), max(0, count - 2))
        return low, np.minimum(low + 1, count - 1), place - low

    top, bottom, down = along(height, levels.shape[0])
    left, right, across = along(width, levels.shape[1])
    rows = levels[top] * (1 - down[:, None]) + levels[bottom] * down[:, None]
    return np.asarray(rows[:, left] * (1 - across) + rows[:, right] * across)


def _planes(colour: tuple[int, int, int]) -> FloatArray:
    return np.array(colour, dtype=np.float64)[:, None, None] / 255


def _picture(planes: FloatArray) -> Picture.Image:
    return Picture.fromarray((np.moveaxis(planes, 0, 2) * 255).round().astype(np.uint8))


def _legend(
    sheet: Picture.Image, draw: ImageDraw.ImageDraw, heatmap: Heatmap, left: int, height: int
) -> None:
    """The colours on middle grey, as they look over an image, with the scale in log-odds."""
    top, length = _GAP + 44, height - 88
    strength = np.linspace(1, -1, length)[:, None] * np.ones((1, _BAR))
    strength = np.round(strength * STEPS) / STEPS
    opacity = MOST_OPACITY * np.abs(strength)
    colour = np.where(strength[None] >= 0, *(_planes(c) for c in (_FOR, _AGAINST)))
    sheet.paste(_picture(0.5 * (1 - opacity) + colour * opacity), (left, top))
    scale, small = heatmap.full_scale, _font(13)
    for part, text in ((0.0, f"+{scale:g}"), (0.5, "0"), (1.0, f"-{scale:g}")):
        draw.text((left + _BAR + 8, top + part * length - 8), text, fill=_INK, font=small)
    draw.text((left, _GAP), f"for {_short(heatmap.finding)}", fill=_INK, font=small)
    draw.text((left, _GAP + 17), "log-odds", fill=_MUTED, font=small)
    draw.text((left, top + length + 8), "against", fill=_INK, font=small)


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
