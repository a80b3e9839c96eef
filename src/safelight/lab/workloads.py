"""The networks that systems are compared on (docs/results.md), with weights from a seed.

Shapes are those of the peers' own tutorials; the weights are random but scaled so that every
activation stays in its declared range, as training does. Inputs are random images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.compiler import ModelMeaning
from safelight.circuit.graph import Graph, Layer
from safelight.circuit.reference import evaluate_all
from safelight.circuit.signature import Outputs

FloatArray = NDArray[np.float64]
SEED = 20261121
_CALIBRATION_INPUTS = 256
_RANGE_MARGIN = 1.5
_TARGET_RANGE = 4.0  # largest activation on the calibration inputs


@dataclass(frozen=True)
class Workload:
    """A network and inputs for it.

    Args:
        name: As in FACTS and results.
        graph: The network.
        meaning: Ten classes, or one logit.
        inputs: float64 ``[n, *input_shape]``.
        records: Inputs in one ciphertext; None for as many as fit.
    """

    name: str
    graph: Graph
    meaning: ModelMeaning
    inputs: FloatArray
    records: int | None = 1


def workloads() -> tuple[Workload, ...]:
    """All of them."""
    return (
        _workload("logreg-30", (30,), [("dense", 1)], inputs=114),
        _workload("logreg-30-batch", (30,), [("dense", 1)], inputs=114, records=None),
        _workload("mlp-784-128-10", (784,), [("dense", 128), ("dense", 10)]),
        _workload("lola", (1, 28, 28), [("conv", 5, 5, 2), ("dense", 100), ("dense", 10)]),
        _workload("cnn-7x7s3", (1, 28, 28), [("conv", 4, 7, 3), ("dense", 64), ("dense", 10)]),
    )


def workload_named(name: str) -> Workload:
    """One of `workloads`."""
    return next(workload for workload in workloads() if workload.name == name)


def _workload(
    name: str,
    shape: tuple[int, ...],
    layers: list[tuple[str, *tuple[int, ...]]],
    inputs: int = 16,
    records: int | None = 1,
) -> Workload:
    """Affine layers with a square between each two."""
    rng = np.random.default_rng(SEED)
    image = rng.uniform(0.0, 1.0, (inputs + _CALIBRATION_INPUTS, *shape))
    built: list[Layer] = []
    source, size, current = "input", int(np.prod(shape)), shape
    for index, (kind, *numbers) in enumerate(layers, start=1):
        layer_name = f"{kind}{index}"
        if kind == "conv":
            out, kernel, stride = numbers
            fan_in = current[0] * kernel * kernel
            weight = rng.normal(0.0, 1.0 / np.sqrt(fan_in), (out, current[0], kernel, kernel))
            side = (current[1] - kernel) // stride + 1
            current, size = (out, side, side), out * side * side
            layer = Layer(
                layer_name,
                "conv2d",
                (source,),
                {"weight": weight, "bias": rng.normal(0.0, 0.1, out)},
                {"stride": (stride, stride)},
            )
        else:
            (out,) = numbers
            weight = rng.normal(0.0, 1.0 / np.sqrt(size), (out, size))
            layer = Layer(
                layer_name,
                "dense",
                (source,),
                {"weight": weight, "bias": rng.normal(0.0, 0.1, out)},
            )
            current, size = (out,), out
        built.append(layer)
        source = layer_name
        if index < len(layers):
            square = {"coefficients": np.array([0.0, 0.0, 1.0])}
            built.append(Layer(f"square{index}", "polynomial", (source,), square))
            source = f"square{index}"
    graph = _scaled(Graph(name, shape, tuple(built)), image[inputs:])
    classes = ("negative", "positive") if size == 1 else tuple(f"class {k}" for k in range(size))
    outputs = Outputs(classes, "sigmoid" if size == 1 else "softmax", classes[-1], 0.5)
    return Workload(name, graph, ModelMeaning("1", name, {}, outputs), image[:inputs], records)


def _scaled(graph: Graph, calibration: FloatArray) -> Graph:
    """Scales each affine layer to the target range, and declares the ranges."""
    layers, ranges = list(graph.layers), {}
    for index, layer in enumerate(layers):
        if "weight" not in layer.arrays:
            continue
        so_far = Graph(graph.name, graph.input_shape, tuple(layers[: index + 1]))
        reached = float(np.abs(evaluate_all(so_far, calibration)[layer.name]).max())
        factor = _TARGET_RANGE / reached
        arrays = {role: factor * array for role, array in layer.arrays.items()}
        layers[index] = Layer(layer.name, layer.op, layer.inputs, arrays, layer.sizes)
        bound = _RANGE_MARGIN * _TARGET_RANGE
        following = layers[index + 1].name if index + 1 < len(layers) else layer.name
        ranges[following] = (-bound, bound)
    return Graph(graph.name, graph.input_shape, tuple(layers), ranges)
