"""Small models built layer by layer, with calibrated ranges, for the compiler's tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from safelight.circuit.compiler import Compiled, ModelMeaning, compile_graph
from safelight.circuit.graph import INPUT, FloatArray, Graph, Layer, Shape
from safelight.circuit.reference import evaluate_all
from safelight.circuit.signature import Outputs
from safelight.engine.clear import run_clear


class GraphBuilder:
    """Adds layers with random weights; every layer reads the one before unless told."""

    def __init__(self, input_shape: Shape, seed: int = 0) -> None:
        self.input_shape = input_shape
        self.random = np.random.default_rng(seed)
        self.layers: list[Layer] = []

    @property
    def last(self) -> str:
        return self.layers[-1].name if self.layers else INPUT

    @property
    def shape(self) -> Shape:
        graph = Graph("shape", self.input_shape, tuple(self.layers))
        return graph.shapes()[self.last]

    def add(self, op: str, *, inputs: Sequence[str] = (), **content: Any) -> GraphBuilder:
        name = f"{op}{len(self.layers) + 1}"
        self.layers.append(Layer(name, op, tuple(inputs) or (self.last,), **content))
        return self

    def conv(
        self,
        channels: int,
        kernel: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        *,
        bias: bool = True,
    ) -> GraphBuilder:
        fan = self.shape[0] * kernel[0] * kernel[1]
        weight = self.random.normal(size=(channels, self.shape[0], *kernel)) / np.sqrt(fan)
        arrays = {"weight": weight}
        if bias:
            arrays["bias"] = self.random.normal(size=channels)
        return self.add("conv2d", arrays=arrays, sizes={"stride": stride, "padding": padding})

    def dense(self, outputs: int, *, bias: bool = True) -> GraphBuilder:
        size = int(np.prod(self.shape))
        arrays = {"weight": self.random.normal(size=(outputs, size)) / np.sqrt(size)}
        if bias:
            arrays["bias"] = self.random.normal(size=outputs)
        return self.add("dense", arrays=arrays)

    def norm(self) -> GraphBuilder:
        channels = self.shape[0]
        normal = self.random.normal
        return self.add(
            "batch_norm",
            arrays={
                "weight": normal(size=channels),
                "bias": normal(size=channels),
                "mean": normal(size=channels),
                "variance": self.random.uniform(0.5, 2.0, channels),
            },
            epsilon=1e-3,
        )

    def pool(
        self,
        kernel: tuple[int, int] = (2, 2),
        stride: tuple[int, int] | None = None,
        padding: tuple[int, int] = (0, 0),
    ) -> GraphBuilder:
        sizes = {"kernel": kernel, "stride": stride or kernel, "padding": padding}
        return self.add("average_pool", sizes=sizes)

    def poly(self, degree: int, *, per_channel: bool = False) -> GraphBuilder:
        shape = (self.shape[0], degree + 1) if per_channel else (degree + 1,)
        signs = self.random.choice([-1.0, 1.0], shape)
        coefficients = signs * self.random.uniform(0.1, 0.5, shape)
        return self.add("polynomial", arrays={"coefficients": coefficients})

    def residual(self, other: str) -> GraphBuilder:
        return self.add("add", inputs=(self.last, other))

    def flatten(self) -> GraphBuilder:
        return self.add("flatten")

    def inputs(self, count: int) -> FloatArray:
        return self.random.uniform(-1, 1, (count, *self.input_shape))

    def graph(self, name: str = "small") -> Graph:
        """With ranges that 200 random inputs leave no more than by a little."""
        graph = Graph(name, self.input_shape, tuple(self.layers))
        values = evaluate_all(graph, self.inputs(200))
        ranges = {}
        for layer in self.layers:
            if layer.op == "polynomial":
                reach = 1.5 * float(np.abs(values[layer.inputs[0]]).max()) + 0.1
                ranges[layer.name] = (-reach, reach)
        return Graph(name, self.input_shape, tuple(self.layers), ranges)


def meaning_of(outputs: int) -> ModelMeaning:
    """Classes without meaning."""
    count = max(2, outputs)
    classes = tuple(f"class{index}" for index in range(count))
    activation = "sigmoid" if outputs == 1 else "softmax"
    return ModelMeaning(
        version="1",
        title="small",
        preprocessing={"version": 1, "steps": []},
        outputs=Outputs(classes, activation, classes[1], 0.5),
    )


def compiled(graph: Graph, **options: Any) -> Compiled:
    """The triple of a graph whose inputs lie within one."""
    outputs = int(np.prod(graph.shapes()[graph.layers[-1].name]))
    return compile_graph(graph, meaning_of(outputs), input_bound=1.0, **options)


def clear_logits(triple: Compiled, inputs: FloatArray) -> FloatArray:
    """Logits by the compiled program in the clear."""
    slots = run_clear(triple.program, triple.signature.pack(inputs))
    return triple.signature.unpack(slots, len(inputs))
