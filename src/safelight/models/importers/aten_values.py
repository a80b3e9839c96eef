"""What is known while ATen calls are read: layers and constants by the name of their tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray
from safelight.models.importers.assembly import Assembly
from safelight.models.importers.final_activation import FINAL_KINDS
from safelight.models.importers.origin import Origin
from safelight.models.importers.pt2_archive import AtenCall, AtenProgram, TensorName


class AtenValues:
    """Tensors so far.

    Args:
        program: The calls.
        name: Of the draft.
    """

    def __init__(self, program: AtenProgram, name: str) -> None:
        self.out = Assembly(name, program.input_shape)
        self.values: dict[str, str] = {program.input_name: INPUT}
        self.constants: dict[str, FloatArray] = dict(program.constants)

    def array(self, value: Any) -> FloatArray | None:
        if isinstance(value, TensorName) and value.name in self.constants:
            return np.asarray(self.constants[value.name], dtype=np.float64)
        return None

    def weight(self, call: AtenCall, role: str, origin: Origin) -> FloatArray:
        array = self.array(call.arguments.get(role))
        if array is None:
            raise origin.refused(f"has a {role} that depends on the input", topic="product")
        return array

    def with_constant(self, left: Any, right: Any) -> tuple[str, FloatArray | None]:
        """(encrypted value, constant) of two operands in either order; None without a constant."""
        for value, other in ((left, right), (right, left)):
            if isinstance(value, TensorName) and value.name in self.values:
                if isinstance(other, int | float):
                    return self.values[value.name], np.asarray(float(other))
                if (array := self.array(other)) is not None:
                    return self.values[value.name], array
        return "", None

    def gated(self, left: str, right: str) -> str | None:
        """x, if the two tensors are x and sigmoid(x)."""
        for gate, value in ((left, right), (right, left)):
            layer = next((k for k in self.out.layers if k.name == self.values[gate]), None)
            reads = layer is not None and layer.inputs == (self.values[value],)
            if layer is not None and layer.op == "sigmoid" and reads:
                return self.values[value]
        return None


# (tensors so far, the call, where it stands, layer of its first tensor or "") → layer
Handler = Callable[[AtenValues, AtenCall, Origin, str], str]


def kind_of(call: AtenCall) -> str:
    """``aten.conv2d.default`` as ``conv2d``."""
    name = call.op.split(".")[-2] if call.op.count(".") >= 2 else call.op
    return FINAL_KINDS.get(name, name)


def two(value: int | Sequence[int]) -> tuple[int, int]:
    """Height and width of one number or a pair."""
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))
