"""What is known while ONNX nodes are read: layers and constants by the name of their tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import INPUT, FloatArray, Shape
from safelight.models.importers.assembly import Assembly
from safelight.models.importers.onnx_file import OnnxCall, OnnxProgram
from safelight.models.importers.origin import Origin
from safelight.models.importers.written_out_gelu import WrittenOutGelu


class OnnxValues:
    """Tensors so far.

    Args:
        program: The nodes.
        name: Of the draft.
        shape: Of one input.
    """

    def __init__(self, program: OnnxProgram, name: str, shape: Shape) -> None:
        self.out = Assembly(name, shape)
        self.batch = program.batch
        self.values: dict[str, str] = {program.input_name: INPUT}
        self.constants: dict[str, NDArray[Any]] = dict(program.constants)
        self.gelu = WrittenOutGelu()

    def shape_of(self, tensor: str) -> tuple[int, ...] | None:
        """Shape of an encrypted tensor, with the batch."""
        if tensor not in self.values:
            return None
        return (self.batch, *self.out.shape(self.values[tensor]))

    def constant(self, call: OnnxCall, position: int, origin: Origin) -> FloatArray:
        name = call.inputs[position]
        if name not in self.constants:
            raise origin.refused(f"has an encrypted value as input {position + 1}", topic="product")
        return np.asarray(self.constants[name], dtype=np.float64)

    def optional(self, call: OnnxCall, position: int, origin: Origin) -> FloatArray | None:
        if len(call.inputs) <= position or not call.inputs[position]:
            return None
        return self.constant(call, position, origin)

    def value(self, tensor: str, origin: Origin) -> str:
        if tensor not in self.values:
            raise origin.refused("reads a value that has no encrypted form of its own")
        return self.values[tensor]


# (tensors so far, the node, where it stands, layer of its first tensor or "") → layer
Handler = Callable[[OnnxValues, OnnxCall, Origin, str], str]
