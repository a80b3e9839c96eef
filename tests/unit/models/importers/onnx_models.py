"""ONNX models written node by node, so that no exporter is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


class OnnxBuilder:
    """Adds nodes one after the other; each reads the one before unless told."""

    def __init__(
        self, shape: tuple[int, ...], seed: int = 0, *, precision: type[np.floating] = np.float64
    ) -> None:
        self.shape, self.precision = shape, precision
        self.random = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.arrays: list[Any] = []
        self.last = "image"

    def constant(self, array: Any) -> str:
        name = f"constant{len(self.arrays)}"
        array = np.asarray(array)
        array = array.astype(self.precision) if array.dtype.kind == "f" else array
        self.arrays.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, *shape: int) -> str:
        fan = int(np.prod(shape[1:])) or 1
        return self.constant(self.random.normal(size=shape) / np.sqrt(fan))

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{kind.lower()}_{len(self.nodes)}"
        given = inputs or (self.last,)
        self.nodes.append(helper.make_node(kind, given, [output], name=output, **attributes))
        self.last = output
        return output

    def conv(self, weight: tuple[int, ...], **attributes: Any) -> str:
        bias = self.constant(self.random.normal(size=weight[0]))
        return self.add("Conv", self.last, self.weight(*weight), bias, **attributes)

    def norm(self, channels: int) -> str:
        positive = self.constant(self.random.uniform(0.5, 2.0, channels))
        rest = [self.constant(self.random.normal(size=channels)) for _ in range(3)]
        return self.add(
            "BatchNormalization", self.last, rest[0], rest[1], rest[2], positive, epsilon=1e-3
        )

    def gemm(self, outputs: int, inputs: int) -> str:
        bias = self.constant(self.random.normal(size=outputs))
        weight = self.weight(outputs, inputs)
        return self.add("Gemm", self.last, weight, bias, transB=1)

    def model(self, *outputs: str) -> Any:
        kind = TensorProto.DOUBLE if self.precision is np.float64 else TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes,
            "test",
            [helper.make_tensor_value_info("image", kind, ["batch", *self.shape])],
            [
                helper.make_tensor_value_info(name, kind, ["rows", "columns"])
                for name in outputs or (self.last,)
            ],
            self.arrays,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 10
        return model

    def inputs(self, count: int = 60) -> np.ndarray:
        return self.random.uniform(0.0, 1.0, (count, *self.shape))


def run(model: Any, inputs: np.ndarray) -> np.ndarray:
    """By ONNX's own reference evaluator, which is NumPy in the model's precision."""
    session = ReferenceEvaluator(model)
    double = model.graph.input[0].type.tensor_type.elem_type == TensorProto.DOUBLE
    given = inputs.astype(np.float64 if double else np.float32)
    return np.asarray(session.run(None, {"image": given})[0], dtype=np.float64)
