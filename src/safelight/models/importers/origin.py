"""Where an operation stands in the source model: for its name here, and for errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

from safelight.models.importers.refusals import refusal

MAX_NAME = 48


@dataclass(frozen=True)
class Origin:
    """Where an operation stands in the source model, for errors and names.

    Args:
        kind: Its type, such as ``Conv``.
        name: Its name there.
        place: Such as ``operation 4 of 9``.
    """

    kind: str
    name: str
    place: str

    def refused(self, why: str = "", *, topic: str = "") -> Exception:
        """The error that says so; ``topic`` chooses another hint."""
        return refusal(self.kind, self.name, self.place, why, topic=topic)


def layer_name(source_name: str) -> str:
    """A source's name as ours: path parts with slashes, nothing but word characters."""
    words = re.sub(r"[^0-9A-Za-z_/-]+", "/", source_name.replace(".", "/"))
    return re.sub(r"/+", "/", words).strip("/")[-MAX_NAME:].strip("/") or "layer"
