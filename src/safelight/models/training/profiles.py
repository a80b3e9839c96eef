"""Which changes to an image a diagnosis must not depend on, by what is pictured.

A flip that turns a left kidney into a right one teaches an error; a chest has a heart on one
side, but its pneumonia looks alike on both. Where the kind is unknown, `unknown_kind` asks a
network that was trained without flips: what it recognises as well in the mirror may be mirrored.
"""

from __future__ import annotations

from dataclasses import replace

from safelight.models.datasets.dataset import Kind
from safelight.models.training.augmentation import Augmentation

_GENTLE = Augmentation(
    shift=0.06, rotation_degrees=10.0, scale=0.1, shear=0.04, flip=0.0, brightness=0.06,
    contrast=0.2, gamma=0.2, blur=0.25, noise=0.02, erase=0.15,
)  # fmt: skip

PROFILES: dict[Kind, Augmentation] = {
    "chest-xray": Augmentation(),
    "fundus": replace(_GENTLE, flip=0.5, rotation_degrees=30.0, tint=0.1),
    "ultrasound": replace(_GENTLE, flip=0.5, shift=0.1, scale=0.15),
    "microscopy": replace(_GENTLE, flip=0.5, flip_vertical=0.5, turns=True, shift=0.04, tint=0.08),
    "dermatoscopy": replace(
        _GENTLE, flip=0.5, flip_vertical=0.5, turns=True, rotation_degrees=30.0, tint=0.08
    ),
    "oct": replace(_GENTLE, flip=0.5),
    # left and right are classes of the organ sets: no flips
    "ct": replace(_GENTLE, brightness=0.04, contrast=0.1, gamma=0.1),
    "record": _GENTLE,  # not used: only images are changed
    "": _GENTLE,
}

LESS_FOR = 20_000
"""Training images from which on they are so many that strong changes cost more than they give."""


def profile(kind: Kind, images: int) -> Augmentation:
    """Changes for one kind of image.

    Args:
        kind: What is pictured.
        images: In training.
    """
    found = PROFILES[kind]
    if images < LESS_FOR:
        return found
    return replace(
        found, shift=min(found.shift, 0.04), scale=min(found.scale, 0.06), shear=0.0,
        blur=min(found.blur, 0.1), noise=0.01, erase=0.0, contrast=min(found.contrast, 0.15),
        gamma=min(found.gamma, 0.15), brightness=min(found.brightness, 0.05),
        rotation_degrees=min(found.rotation_degrees, 8.0),
    )  # fmt: skip


def with_flips(found: Augmentation, *, sideways: bool, upside_down: bool) -> Augmentation:
    """The same with the flips that were found harmless."""
    return replace(
        found,
        flip=0.5 if sideways else 0.0,
        flip_vertical=0.5 if upside_down else 0.0,
        turns=sideways and upside_down,
    )
