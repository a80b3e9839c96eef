"""Activations become polynomials, one after the other, on calibration data.

1. The calibration inputs run through the original; outputs of its activations are the targets.
2. Layer by layer, a second network is built: it has the same layers, and for each activation
   ``NAME/unit`` (brings each channel to [-1, 1], folds into the layer before) and the polynomial.
3. Its own values are what the next activation is fitted on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Graph, Layer
from safelight.errors import RangeError
from safelight.models.importers.activations import ACTIVATIONS
from safelight.models.importers.draft import (
    BATCH,
    MAX_POOL,
    Draft,
    apply_layer,
    evaluate_layers,
)
from safelight.models.importers.polynomial_fit import Fit, fit_activation
from safelight.models.importers.refusals import refusal

MAX_SAMPLES = 20_000  # of a channel: three coefficients need no more
MIN_RECORDS = 8
MARGIN = 0.5
"""Of a calibrated range, as docs/model-format.md advises."""


@dataclass(frozen=True)
class Replaced:
    """One activation and its polynomial.

    Args:
        layer: Its name.
        activation: What it was.
        degree: Of the polynomials.
        low: Smallest input on the calibration data.
        high: Largest.
        error: Root mean square of polynomial minus activation on the calibration data, over that
            of the activation's outputs about their mean.
    """

    layer: str
    activation: str
    degree: int
    low: float
    high: float
    error: float


def with_polynomials(
    draft: Draft,
    inputs: FloatArray,
    *,
    degree: int = 2,
    margin: float = MARGIN,
    watch: Callable[[float, float], None] | None = None,
) -> tuple[Graph, list[Replaced]]:
    """The circuit's graph of a draft, and what was replaced.

    Args:
        draft: The model.
        inputs: Calibration inputs ``[records, *input_shape]``, preprocessed.
        degree: Of the polynomials, from 2.
        margin: Of every range.
        watch: Called with (layers done, layers in all).

    Raises:
        UnsupportedLayerError: A layer that only a public part may have.
        RangeError: Too few calibration inputs, or an activation that reaches no finite value.
    """
    _check(draft, inputs)
    originals = {layer.name for layer in draft.layers if layer.op in ACTIVATIONS}
    targets = _in_batches(draft, inputs, originals)
    layers: list[Layer] = []
    ranges: dict[str, tuple[float, float]] = {}
    replaced: list[Replaced] = []
    values: dict[str, FloatArray] = {INPUT: inputs}
    for index, layer in enumerate(draft.layers):
        read = [values[name] for name in layer.inputs]
        if not all(np.isfinite(value).all() for value in read):
            raise RangeError(
                f"layer {layer.name!r} gets values that are not finite on the calibration data",
                hint="check the calibration inputs and the model's weights",
            )
        if layer.op in ACTIVATIONS:
            fit = _fitted(layer, read[0], targets.pop(layer.name), degree, margin)
            added = _fitted_layers(layer, fit)
            ranges[layer.name] = (-1.0, 1.0)
        else:
            fit, added = None, (layer,)
            if layer.op == "polynomial":
                ranges[layer.name] = _widened(read[0], margin)
        for part in added:
            values[part.name] = _applied(part, [values[name] for name in part.inputs])
            layers.append(part)
        result = values[layer.name]
        if fit is not None:
            error = _relative_error(result, ACTIVATIONS[layer.op](read[0]))
            replaced.append(Replaced(layer.name, layer.op, degree, fit.low, fit.high, error))
        elif layer.op != "polynomial":
            ranges[layer.name] = _widened(result, margin)
        _forget(values, draft.layers[index + 1 :])
        if watch is not None:
            watch(index + 1, len(draft.layers))
    return Graph(draft.name, draft.input_shape, tuple(layers), ranges), replaced


def _check(draft: Draft, inputs: FloatArray) -> None:
    for index, layer in enumerate(draft.layers, start=1):
        if layer.op == MAX_POOL:
            raise refusal("MaxPool", layer.name, f"layer {index} of {len(draft.layers)}")
    if len(inputs) < MIN_RECORDS:
        raise RangeError(
            f"{len(inputs)} calibration inputs are too few to know ranges by",
            hint=f"give at least {MIN_RECORDS}, better some hundreds, as the model will meet them",
        )


def _in_batches(draft: Draft, inputs: FloatArray, wanted: set[str]) -> dict[str, FloatArray]:
    if not wanted:
        return {}
    parts = [
        evaluate_layers(draft, inputs[start : start + BATCH], wanted)
        for start in range(0, len(inputs), BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in wanted}


def _applied(layer: Layer, inputs: list[FloatArray]) -> FloatArray:
    parts = [
        apply_layer(layer, [value[start : start + BATCH] for value in inputs])
        for start in range(0, len(inputs[0]), BATCH)
    ]
    return np.concatenate(parts)


def _fitted(layer: Layer, read: FloatArray, target: FloatArray, degree: int, margin: float) -> Fit:
    samples, wanted = _by_channel(read), _by_channel(target)
    step = math.ceil(len(samples) / MAX_SAMPLES)
    return fit_activation(
        ACTIVATIONS[layer.op],
        samples[::step],
        wanted[::step],
        low=samples.min(axis=0),
        high=samples.max(axis=0),
        degree=degree,
        margin=margin,
    )


def _by_channel(value: FloatArray) -> FloatArray:
    """``[records, channels, …]`` as ``[samples, channels]``."""
    return np.moveaxis(value, 1, -1).reshape(-1, value.shape[1])


def _fitted_layers(layer: Layer, fit: Fit) -> tuple[Layer, ...]:
    channels = fit.centre.size
    unit = Layer(
        name=f"{layer.name}/unit",
        op="batch_norm",
        inputs=layer.inputs,
        arrays={
            "weight": 1.0 / fit.half,
            "bias": np.zeros(channels),
            "mean": fit.centre,
            "variance": np.ones(channels),
        },
        epsilon=0.0,
    )
    polynomial = Layer(
        layer.name, "polynomial", (unit.name,), arrays={"coefficients": fit.coefficients}
    )
    return unit, polynomial


def _widened(value: FloatArray, margin: float) -> tuple[float, float]:
    low, high = float(value.min()), float(value.max())
    middle, half = (low + high) / 2, (1.0 + margin) * (high - low) / 2
    half = half if half > 0.0 else 1.0
    return middle - half, middle + half


def _relative_error(found: FloatArray, wanted: FloatArray) -> float:
    spread = float(np.std(wanted))
    return float(np.sqrt(np.mean((found - wanted) ** 2))) / (spread if spread > 0.0 else 1.0)


def _forget(values: dict[str, FloatArray], rest: tuple[Layer, ...]) -> None:
    """Drops values that no later layer reads."""
    needed = {name for layer in rest for name in layer.inputs}
    for name in [name for name in values if name not in needed]:
        del values[name]
