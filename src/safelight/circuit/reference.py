"""The model in the clear, layer by layer in NumPy: what the compiled program must equal."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from safelight.circuit.graph import INPUT, MAP_OP, FloatArray, Graph, Layer


def evaluate(graph: Graph, inputs: FloatArray) -> FloatArray:
    """Logits of a batch.

    Args:
        graph: The model.
        inputs: float64 ``[records, *input_shape]``.

    Returns:
        float64 ``[records, outputs]``.
    """
    return evaluate_all(graph, inputs)[graph.layers[-1].name].reshape(len(inputs), -1)


def evaluate_all(graph: Graph, inputs: FloatArray) -> dict[str, FloatArray]:
    """Output of every layer for a batch, by layer name; ``input`` is the batch itself."""
    values = {INPUT: np.asarray(inputs, dtype=np.float64).reshape(-1, *graph.input_shape)}
    for layer in graph.layers:
        values[layer.name] = _apply(layer, [values[name] for name in layer.inputs])
    return values


def _apply(layer: Layer, inputs: list[FloatArray]) -> FloatArray:
    value: FloatArray = inputs[0]
    arrays = layer.arrays
    if layer.op == "conv2d":
        weight = arrays["weight"]
        windows = _windows(layer, value, (weight.shape[2], weight.shape[3]))
        result: FloatArray = np.einsum("rchwij,ocij->rohw", windows, weight, optimize=True)
        return result + arrays.get("bias", np.zeros(len(weight)))[:, None, None]
    if layer.op == "average_pool":
        return np.asarray(_windows(layer, value, layer.sizes["kernel"]).mean(axis=(-2, -1)))
    if layer.op == "dense":
        result = value.reshape(len(value), -1) @ arrays["weight"].T
        return np.asarray(result + arrays.get("bias", 0.0))
    if layer.op == "batch_norm":
        factor = arrays["weight"] / np.sqrt(arrays["variance"] + layer.epsilon)
        shape = (-1,) + (1,) * (value.ndim - 2)
        centred = value - arrays["mean"].reshape(shape)
        normalised: FloatArray = centred * factor.reshape(shape)
        return normalised + arrays["bias"].reshape(shape)
    if layer.op == "polynomial":
        shape = (-1,) + (1,) * (value.ndim - 2)
        coefficients = np.atleast_2d(arrays["coefficients"])
        result = np.zeros_like(value)
        for column in coefficients.T[::-1]:
            result = result * value + column.reshape(shape)
        return result
    if layer.op == MAP_OP:
        places = arrays["weight"][0, 0].size
        result = np.einsum("rchw,kchw->rkhw", value, arrays["weight"])
        return np.asarray(result + arrays["bias"][:, None, None] / places)
    if layer.op == "add":
        return value + inputs[1]
    return value.reshape(len(value), -1)  # flatten


def _windows(layer: Layer, value: FloatArray, kernel: tuple[int, int]) -> FloatArray:
    stride, padding = layer.sizes.get("stride", (1, 1)), layer.sizes.get("padding", (0, 0))
    padded = np.pad(value, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    windows = sliding_window_view(padded, kernel, axis=(2, 3))
    return np.asarray(windows[:, :, :: stride[0], :: stride[1]])
