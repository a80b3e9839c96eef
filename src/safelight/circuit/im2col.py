"""The first convolution as a 1 × 1 convolution on patches, which the client lays out for free.

The client knows its image in the clear, so it may put every pixel wherever a kernel reads it
before it encrypts: the convolution then needs no distances of its own, only a sum over the
patch. Source: im2col, as TenSEAL and Gazelle use it; here it is a rewriting of the graph.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from safelight.circuit.graph import INPUT, Graph
from safelight.circuit.sparse import IntArray


@dataclass(frozen=True)
class PatchedGraph:
    """A graph whose input are patches.

    Args:
        graph: Reads ``[channels · kernel height · kernel width, height, width]``.
        gather: int64: for each element of that input the element of the original input, or −1
            where the patch lies on the padding (zero).
    """

    graph: Graph
    gather: IntArray


def patched(graph: Graph, positions: int) -> PatchedGraph | None:
    """The graph on patches, where its first layer is a convolution whose patches fit.

    Args:
        graph: Any model.
        positions: How many numbers a record may occupy.
    """
    first = graph.layers[0]
    readers = sum(layer.inputs.count(INPUT) for layer in graph.layers)
    if first.op != "conv2d" or first.inputs != (INPUT,) or readers != 1:
        return None
    weight = first.arrays["weight"]
    out_channels, channels, kernel_h, kernel_w = weight.shape
    _, height, width = graph.input_shape
    _, out_h, out_w = graph.shapes()[first.name]
    shape = (channels * kernel_h * kernel_w, out_h, out_w)
    if kernel_h * kernel_w == 1 or math.prod(shape) > positions:
        return None
    stride, padding = first.sizes.get("stride", (1, 1)), first.sizes.get("padding", (0, 0))
    c, i, j, y, x = np.meshgrid(
        *map(np.arange, (channels, kernel_h, kernel_w, out_h, out_w)), indexing="ij"
    )
    source_y = y * stride[0] + i - padding[0]
    source_x = x * stride[1] + j - padding[1]
    inside = (source_y >= 0) & (source_y < height) & (source_x >= 0) & (source_x < width)
    gather = np.where(inside, (c * height + source_y) * width + source_x, -1)
    pointwise = replace(
        first,
        arrays={**first.arrays, "weight": weight.reshape(out_channels, shape[0], 1, 1)},
        sizes={},
    )
    layers = (pointwise, *graph.layers[1:])
    return PatchedGraph(
        replace(graph, input_shape=shape, layers=layers), gather.ravel().astype(np.int64)
    )
