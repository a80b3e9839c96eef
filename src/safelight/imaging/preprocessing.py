"""What happens to an image or a record between the file and the encryption.

The steps are data. They stand in a model's signature, so that every client, in whatever language,
repeats what the model was trained on. docs/preprocessing.md is the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from safelight.errors import ImageError, MalformedError, RecordError
from safelight.imaging.image import Image, Pixels, Samples, ValueScale
from safelight.imaging.public_part import PUBLIC_STEPS, PublicPart, public_parts
from safelight.imaging.step_json import JsonValue, step_from_json, step_to_json
from safelight.imaging.step_types import Step
from safelight.imaging.steps import Flatten, Standardize, Window

VERSION = 1
MAX_STEPS = 32
"""A signature longer than this is not one of ours."""


@dataclass(frozen=True)
class Preprocessing:
    """A row of steps, for images or for records.

    Args:
        steps: In order. For records none or one `Standardize`; for images any others, with a
            `Window` first if at all, then those of a public part, then a `Flatten` if at all.

    Raises:
        MalformedError: steps in an order that means nothing.
    """

    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        if len(self.steps) > MAX_STEPS:
            raise MalformedError(f"{len(self.steps)} preprocessing steps are above {MAX_STEPS}")
        if self.is_for_records:
            if len(self.steps) != 1:
                raise MalformedError("standardize stands alone: it is for records")
            return
        for index, step in enumerate(self.steps):
            if isinstance(step, Window) and index != 0:
                raise MalformedError("a window must be the first preprocessing step")
            if isinstance(step, Flatten) and index != len(self.steps) - 1:
                raise MalformedError("flatten must be the last preprocessing step")
        rest = self.steps[len(self.before_public_part) :]
        if not all(isinstance(step, (*PUBLIC_STEPS, Flatten)) for step in rest):
            raise MalformedError("a public part must come after all other preprocessing steps")

    @property
    def is_for_records(self) -> bool:
        """Whether the steps take a record's features instead of an image."""
        return any(isinstance(step, Standardize) for step in self.steps)

    @property
    def before_public_part(self) -> tuple[Step, ...]:
        """The steps before the first of a public part: all, where there is none."""
        for index, step in enumerate(self.steps):
            if isinstance(step, PUBLIC_STEPS):
                return self.steps[:index]
        return self.steps

    @property
    def public_parts(self) -> tuple[PublicPart, ...]:
        """What of the model runs in the clear, here."""
        return public_parts(self.steps)

    @property
    def value_scale(self) -> ValueScale:
        """The scale on which an image must be loaded for these steps."""
        return "hounsfield" if self.steps and isinstance(self.steps[0], Window) else "display"

    def apply(self, image: Image) -> Pixels:
        """The model's input from an image.

        Args:
            image: One frame, on the scale `value_scale`.

        Returns:
            float64 ``[C, H, W]``, or ``[C · H · W]`` after a `Flatten`.

        Raises:
            ImageError: several frames, another scale, or the wrong number of channels.
        """
        if self.is_for_records:
            raise ImageError(
                "this model takes a record of features, not an image", hint="give a CSV file"
            )
        if image.value_scale != self.value_scale:
            raise ImageError(
                f"the image is on the scale '{image.value_scale}' where the model takes "
                f"'{self.value_scale}'",
                hint=f"load it with value_scale='{self.value_scale}'",
            )
        planes = image.channels_first()
        for step in self.steps:
            planes = step.apply(planes)
        return np.ascontiguousarray(planes)

    def apply_record(self, features: Samples) -> Pixels:
        """The model's input from one record ``[F]`` or several ``[records, F]``.

        Raises:
            RecordError: not real numbers, NaN or infinite ones, or the wrong number of them.
        """
        if self.steps and not self.is_for_records:
            raise RecordError("this model takes an image, not a record", hint="give an image file")
        array = np.asarray(features)
        if array.dtype.kind not in "uif" or array.ndim not in (1, 2) or array.size == 0:
            raise RecordError(
                f"an array of shape {array.shape} is not a record of numbers",
                hint="give the features as [F], or several records as [records, F]",
            )
        values: Pixels = array.astype(np.float64)
        bad = int(values.size - np.isfinite(values).sum())
        if bad:
            raise RecordError(
                f"{bad} of {values.size} features are not finite numbers",
                hint="complete the record; missing values cannot be encrypted",
            )
        for step in self.steps:
            values = step.apply(values)
        return values

    def to_json(self) -> dict[str, JsonValue]:
        """A JSON object: ``{"version": 1, "steps": […]}``."""
        return {"version": VERSION, "steps": [step_to_json(step) for step in self.steps]}

    @classmethod
    def from_json(cls, value: object) -> Preprocessing:
        """The steps that a JSON object describes.

        Raises:
            MalformedError: anything unknown, missing or out of range.
        """
        if not isinstance(value, dict) or set(value) != {"version", "steps"}:
            raise MalformedError("preprocessing must be an object with 'version' and 'steps'")
        if value["version"] != VERSION or isinstance(value["version"], bool):
            raise MalformedError(
                "preprocessing of another version", hint="the model needs another release"
            )
        steps = value["steps"]
        if not isinstance(steps, list) or len(steps) > MAX_STEPS:
            raise MalformedError(f"preprocessing must be a list of at most {MAX_STEPS} steps")
        return cls(tuple(step_from_json(step) for step in steps))
