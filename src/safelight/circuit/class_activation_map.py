"""A pass on the graph: in place of its logits a model gives the maps whose averages they are.

The affine layers after the last activation add up, over all places of its feature map, what each
place says for a class. Leaving that last sum out gives a map a class. It is one affine map like
the one it replaces: no further level, and fewer rotations, as nothing is summed over places.

A global average with a dense layer gives the class-activation map of Zhou et al. 2016; a dense
layer on the whole feature map gives the same with weights of its own at each place.

**Security**: an answer of height · width numbers a class tells more of the model than one number
does. So a map is the vendor's choice, model by model (docs/concepts/class-activation-maps.md).
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from safelight.circuit.affine import affine_map
from safelight.circuit.graph import INPUT, MAP_OP, Graph, Layer, Shape
from safelight.circuit.outputs import MAX_MAP_SIDE
from safelight.circuit.sparse import FloatArray, SparseMatrix
from safelight.errors import CompileError

_AFFINE_OPS = ("conv2d", "dense", "batch_norm", "average_pool", "flatten")


def with_class_activation_map(graph: Graph) -> tuple[Graph, tuple[int, int]]:
    """The graph with each place's share of the logits, and the height and width of a map.

    The sum of the shares is the logit that they replace: the average of the map, which is the
    shares times their number.

    Args:
        graph: A model that ends in affine layers after a feature map.

    Raises:
        CompileError: It has no feature map of more than one place before its output.
    """
    shapes = graph.shapes()
    first = _tail_start(graph)
    source = graph.layers[first].inputs[0] if first < len(graph.layers) else INPUT
    shape = shapes[source]
    output = graph.layers[-1]
    if first == len(graph.layers) or len(shape) != 3 or math.prod(shape[1:]) == 1:
        raise CompileError(
            f"the model {graph.name!r} has no feature map before its output {output.name!r}",
            hint="a class-activation map needs [channels, height, width] at the last activation, "
            "then average, flatten or dense layers only; or leave class_activation_map out",
        )
    if max(shape[1:]) > MAX_MAP_SIDE:
        raise CompileError(f"a map of {shape[1]} × {shape[2]} places is above {MAX_MAP_SIDE}")
    weight, bias = _composed(graph.layers[first:], shapes, source)
    layer = Layer(
        output.name,
        MAP_OP,
        (source,),
        arrays={"weight": weight.reshape(len(weight), *shape), "bias": bias},
    )
    # a range declared for the logit is none for the elements of its map
    ranges = {name: limits for name, limits in graph.ranges.items() if name != output.name}
    layers = (*graph.layers[:first], layer)
    return replace(graph, layers=layers, ranges=ranges), (shape[1], shape[2])


def _tail_start(graph: Graph) -> int:
    """Index of the first of the affine layers that follow one another to the output."""
    readers: dict[str, int] = {}
    for layer in graph.layers:
        for name in layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    start = len(graph.layers)
    wanted = graph.layers[-1].name
    while start and graph.layers[start - 1].op in _AFFINE_OPS:
        layer = graph.layers[start - 1]
        if layer.name != wanted or readers.get(layer.name, 0) > 1:
            break
        start, wanted = start - 1, layer.inputs[0]
    return start


def _composed(
    layers: tuple[Layer, ...], shapes: dict[str, Shape], source: str
) -> tuple[FloatArray, FloatArray]:
    """Matrix ``[logits, size of source]`` and bias ``[logits]`` of affine layers in a row."""
    size = math.prod(shapes[source])
    matrix, bias = SparseMatrix.diagonal(np.ones(size)), np.zeros(size)
    for layer in layers:
        outer, shift = affine_map(layer, shapes[layer.inputs[0]])
        matrix, bias = outer.compose(matrix), outer.apply(bias) + shift
    dense = np.zeros(matrix.shape)
    dense[matrix.rows, matrix.cols] = matrix.values
    return dense, bias
