"""A model as another framework means it: the layers of the circuit, and real activations.

Every frontend ends here, so that there is one place to compare with the source framework (to
1e-9), one place that replaces activations, and one that refuses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from safelight.circuit.graph import INPUT, FloatArray, Graph, Layer, Shape
from safelight.circuit.reference import evaluate_all
from safelight.models.importers.activations import ACTIVATIONS

MAX_POOL = "max_pool"  # has no encrypted form; a public part may have it
BATCH = 64  # records at once: bounds the memory of a convolution's windows


@dataclass(frozen=True)
class Draft:
    """Layers whose ``op`` is one of the circuit's, an activation's name, or ``max_pool``.

    Args:
        name: Of the model.
        input_shape: Of one input.
        layers: In order; the last gives the logits.
        final: What the source applies to the logits: ``sigmoid``, ``softmax`` or ``none``. It
            stays with the client.
        classes: Names, where the source knows them.
        features: Names of a record's features, where the source knows them.
        standardize: (mean, scale) of a scaler that stands before the first layer.
        notes: What a person should know of this import, each a sentence.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    final: str = "none"
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    standardize: tuple[FloatArray, FloatArray] | None = None
    notes: tuple[str, ...] = ()

    @property
    def output(self) -> str:
        """Name of the layer that gives the logits."""
        return self.layers[-1].name

    def layer(self, name: str) -> Layer:
        """The layer of that name."""
        return next(layer for layer in self.layers if layer.name == name)

    def shapes(self) -> dict[str, Shape]:
        """Shape of every layer's output, and of ``input``.

        Raises:
            CompileError: Shapes do not fit.
        """
        return Graph(self.name, self.input_shape, tuple(map(_shaped, self.layers))).shapes()

    def evaluate(self, inputs: FloatArray) -> FloatArray:
        """Logits ``[records, outputs]`` of ``[records, *input_shape]``."""
        parts = [
            evaluate_layers(self, inputs[start : start + BATCH], {self.output})[self.output]
            for start in range(0, len(inputs), BATCH)
        ]
        return np.concatenate(parts).reshape(len(inputs), -1)

    def with_layers_before(self, *layers: Layer) -> Draft:
        """The draft with a chain of layers between the input and the first of its own.

        The chain must keep the input's shape.
        """
        end = layers[-1].name
        moved = tuple(
            replace(layer, inputs=tuple(end if name == INPUT else name for name in layer.inputs))
            for layer in self.layers
        )
        return replace(self, layers=(*layers, *moved))


def evaluate_layers(draft: Draft, inputs: FloatArray, wanted: set[str]) -> dict[str, FloatArray]:
    """Outputs of the ``wanted`` layers; others are forgotten once nothing reads them."""
    last_reader = {name: k for k, layer in enumerate(draft.layers) for name in layer.inputs}
    values = {INPUT: np.asarray(inputs, dtype=np.float64).reshape(-1, *draft.input_shape)}
    for index, layer in enumerate(draft.layers):
        values[layer.name] = apply_layer(layer, [values[name] for name in layer.inputs])
        for name in [n for n in values if n not in wanted and last_reader.get(n, -1) <= index]:
            if name != layer.name or name not in last_reader:
                del values[name]
    return {name: values[name] for name in wanted}


def apply_layer(layer: Layer, inputs: list[FloatArray]) -> FloatArray:
    """One layer on ``[records, …]``."""
    value = inputs[0]
    if layer.op in ACTIVATIONS:
        return ACTIVATIONS[layer.op](value)
    if layer.op == "add":
        return np.asarray(value + inputs[1])
    if layer.op == MAX_POOL:
        return _max_pool(layer, value)
    alone = Graph(layer.name, value.shape[1:], (replace(layer, inputs=(INPUT,)),))
    return evaluate_all(alone, value)[layer.name]


def _max_pool(layer: Layer, value: FloatArray) -> FloatArray:
    stride, padding = layer.sizes["stride"], layer.sizes.get("padding", (0, 0))
    edges = ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)
    padded = np.pad(value, edges, constant_values=-np.inf)
    windows = sliding_window_view(padded, layer.sizes["kernel"], axis=(2, 3))
    return np.asarray(windows[:, :, :: stride[0], :: stride[1]].max(axis=(-2, -1)))


def _shaped(layer: Layer) -> Layer:
    """A layer of the circuit's own with the same shapes."""
    if layer.op in ACTIVATIONS:
        return replace(layer, op="polynomial", arrays={"coefficients": np.array([0.0, 1.0])})
    return replace(layer, op="average_pool") if layer.op == MAX_POOL else layer


def readers(layers: tuple[Layer, ...]) -> Mapping[str, int]:
    """How many layers read each name."""
    counts: dict[str, int] = {}
    for layer in layers:
        for name in layer.inputs:
            counts[name] = counts.get(name, 0) + 1
    return counts
