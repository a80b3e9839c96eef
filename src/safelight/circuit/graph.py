"""A model as a graph of layers: what a frontend gives to the compiler.

The shipped form is ``model.json`` and ``weights.npz`` (docs/model-format.md). Tensors are
``[channels, height, width]`` or flat ``[features]``; the last node gives the logits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import CompileError, UnsupportedLayerError

FloatArray = NDArray[np.float64]
Shape = tuple[int, ...]

INPUT = "input"


@dataclass(frozen=True)
class Layer:
    """One layer.

    Args:
        name: Unique in its graph.
        op: ``conv2d``, ``dense``, ``batch_norm``, ``average_pool``, ``polynomial``, ``add``,
            ``flatten``; after the pass of that name ``class_activation_map``, which no model
            file may name.
        inputs: Names of the layers it reads (``input`` for the model's input).
        arrays: Weights by role, float64.
        sizes: Integer pairs by role: ``stride``, ``padding``, ``kernel``.
        epsilon: Of a batch norm.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    arrays: Mapping[str, FloatArray] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    epsilon: float = 1e-5


@dataclass(frozen=True)
class Graph:
    """Layers in an order in which each comes after those it reads.

    Args:
        name: Name of the model.
        input_shape: Shape of one input.
        layers: The layers; the last is the output.
        ranges: For polynomial layers, the calibrated interval of the input.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def shapes(self) -> dict[str, Shape]:
        """Shape of every layer's output, and of ``input``.

        Raises:
            CompileError: A layer reads an unknown layer, or shapes do not fit.
            UnsupportedLayerError: A layer that has no encrypted form.
        """
        if not self.input_shape or min(self.input_shape) < 1:
            raise CompileError(f"the input's shape {list(self.input_shape)} has no elements")
        shapes: dict[str, Shape] = {INPUT: self.input_shape}
        for layer in self.layers:
            for name in layer.inputs:
                if name not in shapes:
                    raise CompileError(f"layer {layer.name!r} reads {name!r}, which does not exist")
            shapes[layer.name] = _output_shape(layer, [shapes[name] for name in layer.inputs])
        return shapes


SUPPORTED_OPS = (
    "conv2d",
    "dense",
    "batch_norm",
    "average_pool",
    "polynomial",
    "add",
    "flatten",
)
MAP_OP = "class_activation_map"
"""Made by the pass of that name; not for model files."""


def _output_shape(layer: Layer, inputs: Sequence[Shape]) -> Shape:
    """Shape that a layer gives, after checking what it gets."""
    if layer.op not in (*SUPPORTED_OPS, MAP_OP):
        raise UnsupportedLayerError(
            f"layer {layer.name!r} is a {layer.op!r}, which has no encrypted form",
            hint=f"use {', '.join(SUPPORTED_OPS)}; activations become polynomials",
        )
    if len(inputs) != (2 if layer.op == "add" else 1):
        raise CompileError(f"layer {layer.name!r} ({layer.op}) has {len(inputs)} inputs")
    shape = inputs[0]
    if layer.op == MAP_OP:
        weight = layer.arrays["weight"]
        _need(layer, len(shape) == 3 and weight.ndim == 4 and weight.shape[1:] == shape, shape)
        return (len(weight), *shape[1:])
    if layer.op == "conv2d":
        weight = layer.arrays["weight"]
        _need(layer, len(shape) == 3 and weight.ndim == 4 and weight.shape[1] == shape[0], shape)
        _need(layer, _bias_fits(layer, weight), shape)
        return (weight.shape[0], *_window_counts(layer, shape, weight.shape[2:]))
    if layer.op == "average_pool":
        _need(layer, len(shape) == 3, shape)
        return (shape[0], *_window_counts(layer, shape, layer.sizes["kernel"]))
    if layer.op == "dense":
        weight = layer.arrays["weight"]
        _need(layer, weight.ndim == 2 and weight.shape[1] == math.prod(shape), shape)
        _need(layer, _bias_fits(layer, weight), shape)
        return (weight.shape[0],)
    if layer.op == "batch_norm":
        for role in _ARRAY_ROLES[layer.op]:
            _need(layer, layer.arrays[role].shape == (shape[0],), shape)
        _need(layer, bool((layer.arrays["variance"] + layer.epsilon > 0).all()), shape)
    if layer.op == "polynomial":
        coefficients = layer.arrays["coefficients"]
        per_channel = coefficients.ndim == 2 and coefficients.shape[0] == shape[0]
        _need(layer, coefficients.size > 0 and (coefficients.ndim == 1 or per_channel), shape)
    if layer.op == "add":
        _need(layer, inputs[0] == inputs[1], shape)
    if layer.op == "flatten":
        return (math.prod(shape),)
    return shape


def _need(layer: Layer, condition: bool, shape: Shape) -> None:
    if not condition:
        raise CompileError(f"layer {layer.name!r} ({layer.op}) does not fit an input {list(shape)}")


def _bias_fits(layer: Layer, weight: FloatArray) -> bool:
    return "bias" not in layer.arrays or layer.arrays["bias"].shape == (len(weight),)


def _window_counts(layer: Layer, shape: Shape, kernel: Sequence[int]) -> tuple[int, int]:
    stride, padding = layer.sizes.get("stride", (1, 1)), layer.sizes.get("padding", (0, 0))
    _need(layer, min(*stride, *kernel) > 0 and min(padding) >= 0, shape)
    counts = [
        (shape[1 + axis] + 2 * padding[axis] - kernel[axis]) // stride[axis] + 1 for axis in (0, 1)
    ]
    _need(layer, min(counts) > 0, shape)
    return counts[0], counts[1]


_ARRAY_ROLES = {
    "conv2d": ("weight", "bias"),
    "dense": ("weight", "bias"),
    "batch_norm": ("weight", "bias", "mean", "variance"),
    "polynomial": ("coefficients",),
}
_OPTIONAL_ROLES = {"bias"}
_SIZE_ROLES = ("stride", "padding", "kernel")


def graph_from_model(model: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]) -> Graph:
    """The graph of a model in the shipped form.

    Args:
        model: The content of ``model.json``.
        weights: The arrays of ``weights.npz`` by name.

    Raises:
        CompileError: A weight is missing or not finite, or a layer is not fitting.
    """
    layers = []
    for node in model["nodes"]:
        arrays = {}
        for role in _ARRAY_ROLES.get(node["op"], ()):
            key = node.get(role)
            if key is None and role in _OPTIONAL_ROLES:
                continue
            if key not in weights:
                raise CompileError(f"layer {node['name']!r} has no {role} in the weights")
            array = np.asarray(weights[key], dtype=np.float64)
            if not np.isfinite(array).all():
                raise CompileError(f"layer {node['name']!r}: its {role} has values not finite")
            arrays[role] = array
        layers.append(
            Layer(
                name=node["name"],
                op=node["op"],
                inputs=tuple(node["inputs"]),
                arrays=arrays,
                sizes={role: _pair(node[role]) for role in _SIZE_ROLES if role in node},
                epsilon=float(node.get("epsilon", 1e-5)),
            )
        )
    names = [layer.name for layer in layers]
    if not layers or names[-1] != model["output"] or len(set(names)) != len(names):
        raise CompileError("the last layer must be the output, and names must differ")
    ranges = {name: (float(lo), float(hi)) for name, (lo, hi) in model.get("ranges", {}).items()}
    graph = Graph(model["name"], tuple(model["input_shape"]), tuple(layers), ranges)
    graph.shapes()
    return graph


def _pair(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    first, second = value
    return int(first), int(second)
