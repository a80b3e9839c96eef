"""An ONNX model as plain calls and arrays: parsed strictly, nothing fetched from other files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import Shape
from safelight.errors import InputError
from safelight.models.importers.source_file import needed

MAX_ONNX_BYTES = 2 << 30  # protobuf's own limit
MAX_REASON = 200  # characters of what the checker says


@dataclass(frozen=True)
class OnnxCall:
    """One node.

    Args:
        kind: Its operator, such as ``Conv``; with its domain if that is not ONNX's own.
        name: Of the node, or else of what it gives.
        inputs: Names of tensors; empty for an optional one that is left out.
        outputs: Names of tensors.
        attributes: Plain values and arrays.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxProgram:
    """A model with one input and one output.

    Args:
        calls: In order.
        constants: Initializers by name.
        input_name: Of the input.
        input_shape: Without the batch; None where the file leaves it open.
        batch: The first size if fixed, else 1.
        output_name: Of the output.
    """

    calls: tuple[OnnxCall, ...]
    constants: Mapping[str, NDArray[Any]]
    input_name: str
    input_shape: Shape | None
    batch: int
    output_name: str


def load_onnx(source: Any) -> Any:
    """The ``ModelProto`` of a path, of bytes, or of itself; checked, functions inlined.

    Raises:
        InputError: No valid ONNX model, or one whose weights lie in other files.
    """
    onnx = needed("onnx")
    hint = "export it again, as one file"
    try:
        if isinstance(source, str | Path):
            path = Path(source)
            if path.stat().st_size > MAX_ONNX_BYTES:
                raise InputError(f"an ONNX file above {MAX_ONNX_BYTES} bytes", hint=hint)
            source = path.read_bytes()
        model = onnx.load_from_string(source) if isinstance(source, bytes) else source
        if any(tensor.data_location == tensor.EXTERNAL for tensor in model.graph.initializer):
            # a path in the file would be read from this machine
            raise InputError("the ONNX model keeps its weights in another file", hint=hint)
        onnx.checker.check_model(model)
        if model.functions:
            model = needed("onnx.inliner").inline_local_functions(model)
        return model
    except InputError:
        raise
    except Exception as exc:  # protobuf, the checker and the system raise kinds of their own
        why = str(exc).strip().partition("\n")[0].rstrip(".")[:MAX_REASON] or type(exc).__name__
        raise InputError(f"the ONNX model cannot be read: {why}", hint=hint) from exc


def onnx_program(model: Any) -> OnnxProgram:
    """The program of a ``ModelProto``.

    Raises:
        InputError: Several inputs or outputs.
    """
    onnx = needed("onnx")
    graph = model.graph
    constants = {
        tensor.name: _array(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer
    }
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        names = ", ".join(value.name for value in graph.output)
        raise InputError(
            f"an ONNX model with {len(inputs)} inputs and {len(graph.output)} outputs ({names})",
            hint="export a model that takes one tensor and gives its logits; for scikit-learn give "
            "the estimator itself",
        )
    sizes = [
        dim.dim_value if dim.HasField("dim_value") else 0
        for dim in inputs[0].type.tensor_type.shape.dim
    ]
    fixed = len(sizes) > 1 and min(sizes[1:]) > 0
    return OnnxProgram(
        calls=tuple(_call(node, onnx) for node in graph.node),
        constants=constants,
        input_name=inputs[0].name,
        input_shape=tuple(sizes[1:]) if fixed else None,
        batch=max(sizes[0], 1) if sizes else 1,
        output_name=graph.output[0].name,
    )


def _call(node: Any, onnx: Any) -> OnnxCall:
    attributes = {}
    for attribute in node.attribute:
        value = onnx.helper.get_attribute_value(attribute)
        if isinstance(value, onnx.TensorProto):
            value = _array(onnx.numpy_helper.to_array(value))
        attributes[attribute.name] = value.decode() if isinstance(value, bytes) else value
    plain = node.domain in ("", "ai.onnx")
    return OnnxCall(
        kind=node.op_type if plain else f"{node.domain}.{node.op_type}",
        name=node.name or node.output[0],
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
    )


def _array(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float64) if array.dtype.kind == "f" else array
