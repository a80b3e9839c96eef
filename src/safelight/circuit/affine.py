"""Linear layers as matrices on flattened tensors."""

from __future__ import annotations

import math

import numpy as np

from safelight.circuit.graph import MAP_OP, FloatArray, Layer, Shape
from safelight.circuit.sparse import SparseMatrix


def affine_map(layer: Layer, shape: Shape) -> tuple[SparseMatrix, FloatArray]:
    """Matrix and bias of a layer on tensors of ``shape``, flattened in C order.

    ``layer`` is one of conv2d, average_pool, dense, batch_norm, flatten, class_activation_map.
    """
    size = math.prod(shape)
    if layer.op == "conv2d":
        weight = layer.arrays["weight"]
        bias = layer.arrays.get("bias", np.zeros(len(weight)))
        return _convolution(layer, shape, weight, bias)
    if layer.op == "average_pool":
        height, width = layer.sizes["kernel"]
        weight = np.zeros((shape[0], shape[0], height, width))
        weight[np.arange(shape[0]), np.arange(shape[0])] = 1.0 / (height * width)
        return _convolution(layer, shape, weight, np.zeros(shape[0]))
    if layer.op == MAP_OP:
        weight = layer.arrays["weight"]
        places = weight[0, 0].size
        return _map_matrix(weight), np.repeat(layer.arrays["bias"] / places, places)
    if layer.op == "dense":
        weight = layer.arrays["weight"]
        return SparseMatrix.from_dense(weight), layer.arrays.get("bias", np.zeros(len(weight)))
    if layer.op == "batch_norm":
        factor = layer.arrays["weight"] / np.sqrt(layer.arrays["variance"] + layer.epsilon)
        shift = layer.arrays["bias"] - layer.arrays["mean"] * factor
        each = size // shape[0]
        return SparseMatrix.diagonal(np.repeat(factor, each)), np.repeat(shift, each)
    return SparseMatrix.diagonal(np.ones(size)), np.zeros(size)


def _map_matrix(weight: FloatArray) -> SparseMatrix:
    """``share[k, y, x] = Σ_c weight[k, c, y, x] · feature[c, y, x]``, flattened."""
    classes, channels, height, width = weight.shape
    k, c, y, x = np.meshgrid(*map(np.arange, weight.shape), indexing="ij")
    places = height * width
    return SparseMatrix.from_entries(
        (classes * places, channels * places),
        ((k * height + y) * width + x).ravel(),
        ((c * height + y) * width + x).ravel(),
        weight.ravel(),
    )


def _convolution(
    layer: Layer, shape: Shape, weight: FloatArray, bias: FloatArray
) -> tuple[SparseMatrix, FloatArray]:
    """Cross-correlation with zero padding, as PyTorch's Conv2d."""
    channels, height, width = shape
    stride, padding = layer.sizes.get("stride", (1, 1)), layer.sizes.get("padding", (0, 0))
    out_channels, _, kernel_h, kernel_w = weight.shape
    out_h = (height + 2 * padding[0] - kernel_h) // stride[0] + 1
    out_w = (width + 2 * padding[1] - kernel_w) // stride[1] + 1
    o, c, i, j, y, x = np.meshgrid(
        *map(np.arange, (out_channels, channels, kernel_h, kernel_w, out_h, out_w)),
        indexing="ij",
        sparse=False,
    )
    source_y = y * stride[0] + i - padding[0]
    source_x = x * stride[1] + j - padding[1]
    inside = (source_y >= 0) & (source_y < height) & (source_x >= 0) & (source_x < width)
    rows = ((o * out_h + y) * out_w + x)[inside]
    cols = ((c * height + source_y) * width + source_x)[inside]
    values = np.broadcast_to(weight[..., None, None], o.shape)[inside]
    matrix = SparseMatrix.from_entries(
        (out_channels * out_h * out_w, channels * height * width), rows, cols, values
    )
    return matrix, np.repeat(bias, out_h * out_w)
