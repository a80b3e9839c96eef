"""What the client does before encryption, and the largest value that can come of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Layer, Shape
from safelight.errors import InputError
from safelight.imaging import Image, Preprocessing
from safelight.imaging.public_part import PublicStep
from safelight.imaging.steps import Colour, Greyscale, Normalize, Resize, Standardize, Window
from safelight.models.importers.calibration import Calibration, model_inputs
from safelight.models.importers.draft import Draft

# Features up to this size are encrypted as they are; larger ones would cost precision.
MAX_RAW_FEATURE = 8.0
# A record may lie this much further out than any calibration record before it is refused.
RECORD_REACH = 2.0
MAX_INPUT_BOUND = 64.0


@dataclass(frozen=True)
class Prepared:
    """A draft with its preprocessing.

    Args:
        draft: Takes what the steps give.
        steps: From a file to the draft's input.
        bound: Largest magnitude of an input element.
        inputs: The calibration data after the steps, float64 ``[records, *input_shape]``.
        features: Names of a record's features.
    """

    draft: Draft
    steps: Preprocessing
    bound: float
    inputs: FloatArray
    features: tuple[str, ...] = ()


def prepared_input(draft: Draft, data: Calibration, steps: Preprocessing | None) -> Prepared:
    """Chooses the steps, or checks those that are given.

    Raises:
        InputError: The steps and the calibration data do not go together.
    """
    if steps is None and len(draft.input_shape) == 1:
        return _record(draft, data)
    draft = without_scaler(draft)  # of a model on pixels: folded into its first layer
    if steps is not None and steps.is_for_records:
        inputs = model_inputs(data, steps, draft.input_shape)
        return Prepared(draft, steps, _record_bound(inputs), inputs, draft.features)
    steps, inputs, bound = image_inputs(data, steps, draft.input_shape)
    return Prepared(draft, steps, bound, inputs)


def image_inputs(
    data: Calibration, steps: Preprocessing | None, shape: Shape
) -> tuple[Preprocessing, FloatArray, float]:
    """The steps to an image of this shape, the calibration images after them, and their bound.

    Raises:
        InputError: The steps and the calibration data do not go together.
    """
    if steps is None:
        steps = usual_image_steps(shape)
    bound = _image_bound(steps, shape)
    inputs = model_inputs(data, steps, shape)
    seen = float(np.abs(inputs).max())
    if seen > bound * (1 + 1e-6):
        raise InputError(
            f"calibration inputs reach {seen:.4g}, where the preprocessing gives at most "
            f"{bound:.4g}",
            hint="give the preprocessing that the model was trained with (--preprocessing), "
            "or uint8 images",
        )
    return steps, inputs, bound


def behind_public_part(
    draft: Draft,
    before: Preprocessing,
    public: Sequence[PublicStep],
    values: FloatArray,
    margin: float,
) -> Prepared:
    """A draft that takes what a public part gives.

    Args:
        draft: The head.
        before: The steps before the public part.
        public: Those of the public part.
        values: What it gives for the calibration data.
        margin: Share by which a value may lie further out than any of them.

    Raises:
        InputError: The head does not take what the public part gives.
    """
    if draft.input_shape != values.shape[1:]:
        raise InputError(
            f"the public part gives {list(values.shape[1:])} where the encrypted part takes "
            f"{list(draft.input_shape)}"
        )
    bound = max((1.0 + margin) * float(np.abs(values).max()), 1e-3)
    steps = Preprocessing((*before.steps, *public))
    return Prepared(without_scaler(draft), steps, bound, values)


def without_scaler(draft: Draft) -> Draft:
    """The draft with its leading scaler folded into the encrypted part."""
    return draft if draft.standardize is None else with_scaling(draft, *draft.standardize)


def usual_image_steps(shape: Shape) -> Preprocessing:
    """Grey or colour, resized, brightness in [0, 1]."""
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise InputError(
            f"there is no usual preprocessing for an input {list(shape)}",
            hint="images are [1 or 3, height, width]; give the steps (--preprocessing)",
        )
    colour = Greyscale() if shape[0] == 1 else Colour()
    return Preprocessing((colour, Resize(shape[1], shape[2])))


def with_scaling(draft: Draft, mean: FloatArray, scale: FloatArray) -> Draft:
    """The draft that takes ``x`` where the old one took ``(x − mean) / scale``."""
    arrays = {"weight": 1.0 / scale, "bias": np.zeros_like(mean), "mean": mean}
    layer = Layer(
        "input/scaling",
        "batch_norm",
        (INPUT,),
        {**arrays, "variance": np.ones_like(mean)},
        epsilon=0.0,
    )
    return replace(draft.with_layers_before(layer), standardize=None)


def _record(draft: Draft, data: Calibration) -> Prepared:
    """A leading scaler is public; without one, large features get one from the calibration."""
    inputs = data.inputs.reshape(len(data.inputs), -1).astype(np.float64)
    width = math.prod(draft.input_shape)
    if inputs.shape[1] != width:
        raise InputError(
            f"calibration records have {inputs.shape[1]} features where the model takes {width}"
        )
    if draft.standardize is not None:
        mean, scale = draft.standardize
        draft = replace(draft, standardize=None)
    elif np.abs(inputs).max() <= MAX_RAW_FEATURE:
        mean, scale = np.zeros(width), np.ones(width)
    else:
        mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
        scale = np.where(scale > 0.0, scale, 1.0)
        # (x − mean) / scale comes in; the model takes x
        draft = with_scaling(draft, -mean / scale, 1.0 / scale)
    step = Standardize(tuple(map(float, mean)), tuple(map(float, scale)))
    steps = Preprocessing((step,))
    standardized = model_inputs(data, steps, draft.input_shape)
    return Prepared(draft, steps, _record_bound(standardized), standardized, draft.features)


def _record_bound(inputs: FloatArray) -> float:
    values = np.abs(inputs)
    bound = math.ceil(RECORD_REACH * float(values.max()))
    if bound > MAX_INPUT_BOUND:
        feature = int(np.argmax(values.max(axis=0)))
        raise InputError(
            f"feature {feature} of the calibration records reaches {values.max():.4g} after "
            f"standardization, above {MAX_INPUT_BOUND / RECORD_REACH:g}",
            hint="train with a StandardScaler in front, and leave out impossible records",
        )
    return float(max(bound, 1))


def _image_bound(steps: Preprocessing, shape: Shape) -> float:
    """Largest magnitude that the steps can give: they are monotone in the brightness."""
    if steps.value_scale == "hounsfield":
        window = steps.steps[0]
        assert isinstance(window, Window)
        extremes = [window.center_hu - window.width_hu, window.center_hu + window.width_hu]
    else:
        extremes = [0.0, 1.0]
    bound = 0.0
    for value in extremes:
        image = Image.from_array(np.full((8, 8), value), value_scale=steps.value_scale)
        if any(isinstance(step, Colour) for step in steps.steps) or _takes_colour(steps):
            image = Image.from_array(np.full((8, 8, 3), value), value_scale=steps.value_scale)
        result = steps.apply(image)
        bound = max(bound, float(np.abs(result).max()))
    if result.shape != shape:
        raise InputError(
            f"the preprocessing gives {list(result.shape)} where the model takes {list(shape)}",
            hint="resize to the model's height and width, and choose greyscale or colour",
        )
    return max(bound, 1e-3)


def _takes_colour(steps: Preprocessing) -> bool:
    grey = any(isinstance(step, Greyscale) for step in steps.steps)
    return not grey and any(
        isinstance(step, Normalize) and len(step.mean) == 3 for step in steps.steps
    )
