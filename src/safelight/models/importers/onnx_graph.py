"""ONNX operators to a draft."""

from __future__ import annotations

from typing import Any

from safelight.circuit.graph import INPUT, Shape
from safelight.errors import InputError
from safelight.models.importers.draft import Draft
from safelight.models.importers.final_activation import final_activation
from safelight.models.importers.onnx_arithmetic import ARITHMETIC
from safelight.models.importers.onnx_constants import constant_result
from safelight.models.importers.onnx_file import OnnxCall, OnnxProgram, load_onnx, onnx_program
from safelight.models.importers.onnx_layers import LAYERS
from safelight.models.importers.onnx_values import OnnxValues
from safelight.models.importers.origin import Origin

_SAME = ("Identity", "Dropout", "Cast")
_ACTIVATIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
    "HardSwish": "hard_swish", "Mish": "mish",
}  # fmt: skip
_HANDLERS = {**LAYERS, **ARITHMETIC}


def draft_of_onnx(source: Any, name: str, input_shape: Shape | None = None) -> Draft:
    """The draft of an ONNX model: a path, bytes or a ``ModelProto``.

    Args:
        source: The model.
        name: Of the draft.
        input_shape: Of one input, where the file leaves it open.

    Raises:
        InputError: No ONNX model, or its input's shape is not known.
        UnsupportedLayerError: An operator that has no encrypted form, with its place.
    """
    program = onnx_program(load_onnx(source))
    shape = program.input_shape or input_shape
    if shape is None:
        raise InputError(
            "the ONNX model leaves the shape of its input open",
            hint="give input_shape, or calibration inputs as floats",
        )
    values = OnnxValues(program, name, shape)
    logits, final = _logits(program)
    for index, call in enumerate(program.calls, start=1):
        if logits in values.values:
            break
        place = f"operation {index} of {len(program.calls)}"
        _read(values, call, Origin(call.kind, call.name, place))
    end = Origin("output", logits, "the output")
    if logits not in values.values:
        raise end.refused("does not depend on the input")
    output = values.out.flatten(end, values.values[logits])
    if output == INPUT:
        raise end.refused("is the input itself")
    return values.out.finish(output, final)


def _logits(program: OnnxProgram) -> tuple[str, str]:
    producers = {name: call for call in program.calls for name in call.outputs}

    def step(tensor: str) -> tuple[str, str] | None:
        call = producers.get(tensor)
        return None if call is None or not call.inputs else (call.kind, call.inputs[0])

    return final_activation(program.output_name, step)


def _read(values: OnnxValues, call: OnnxCall, origin: Origin) -> None:
    result = constant_result(call, values.constants, values.shape_of)
    if result is not None:
        values.constants[call.outputs[0]] = result
        return
    source = values.values.get(call.inputs[0], "") if call.inputs else ""
    handler = _HANDLERS.get(call.kind)
    if call.kind == "Erf" and values.gelu.erf(call.inputs[0], call.outputs[0]):
        return
    if any(name in values.gelu.stages for name in call.inputs):
        _inside_gelu(values, call, origin)
        return
    if call.kind in _SAME and source:
        value = source
    elif call.kind in _ACTIVATIONS and source:
        value = values.out.activation(origin, source, _ACTIVATIONS[call.kind])
    elif handler is not None:
        value = handler(values, call, origin, source)
    else:
        raise origin.refused()
    values.values[call.outputs[0]] = value


def _inside_gelu(values: OnnxValues, call: OnnxCall, origin: Origin) -> None:
    """An operation on a part of a GELU that is written out."""
    inside = next(name for name in call.inputs if name in values.gelu.stages)
    rest = [name for name in call.inputs if name != inside]
    array = values.constants.get(rest[0]) if rest else None
    number = float(array.reshape(())) if array is not None and array.size == 1 else None
    other = values.values.get(rest[0]) if rest else None
    stage, value = values.gelu.stages[inside]
    if rest and stage == "one plus erf" and values.gelu.halves(rest[0], value):
        found: str | None = value
    else:
        found = values.gelu.advance(call.kind, inside, other, number, call.outputs[0])
    if found is None:
        raise Origin("Erf", origin.name, origin.place).refused()
    if found:
        values.values[call.outputs[0]] = values.out.activation(origin, found, "gelu")
