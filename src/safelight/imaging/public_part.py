"""What of a model runs in the clear at the clinic, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from safelight.imaging.public_backbone import PublicBackbone
from safelight.imaging.public_stem import STEM_STEPS, StemStep, stem_digest

PublicStep = StemStep | PublicBackbone
PUBLIC_STEPS = (*STEM_STEPS, PublicBackbone)


@dataclass(frozen=True)
class PublicPart:
    """A public part.

    Args:
        name: ``stem``, or the backbone's name.
        digest: SHA-256 in hex: of the stem's steps, or of the backbone's file.
        does: In words.
    """

    name: str
    digest: str
    does: str


def public_parts(steps: Sequence[object]) -> tuple[PublicPart, ...]:
    """The public parts among preprocessing steps, in order; none for most models."""
    parts = [
        PublicPart(step.name, step.sha256, step.does)
        for step in steps
        if isinstance(step, PublicBackbone)
    ]
    stem = tuple(step for step in steps if isinstance(step, STEM_STEPS))
    if stem:
        words = "; ".join(step.does for step in stem)
        parts.append(PublicPart("stem", stem_digest(stem), words))
    return tuple(parts)
