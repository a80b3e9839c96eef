"""ATen calls (a ``.pt2`` archive, or a module that was just exported) to a draft."""

from __future__ import annotations

from collections import Counter

import numpy as np

from safelight.circuit.graph import INPUT
from safelight.models.importers.aten_activations import ACTIVATION_CALLS, PLAIN
from safelight.models.importers.aten_arithmetic import ARITHMETIC
from safelight.models.importers.aten_layers import LAYERS
from safelight.models.importers.aten_values import AtenValues, kind_of
from safelight.models.importers.draft import Draft
from safelight.models.importers.final_activation import final_activation
from safelight.models.importers.origin import Origin
from safelight.models.importers.pt2_archive import (
    AtenCall,
    AtenProgram,
    TensorName,
    read_archive,
)

_SAME = {
    "alias", "clone", "contiguous", "detach", "dropout", "feature_dropout", "identity",
    "lift_fresh_copy", "to", "_to_copy",
}  # fmt: skip
_HANDLERS = {**LAYERS, **ACTIVATION_CALLS, **ARITHMETIC}


def draft_of_archive(data: bytes, name: str) -> Draft:
    """The draft of a ``.pt2`` archive.

    Raises:
        InputError: Not an archive that we read.
        UnsupportedLayerError: An operation that has no encrypted form, with its place.
    """
    program = read_archive(data)
    values = AtenValues(program, name)
    logits, final = _logits(program)
    calls_of_path = Counter(call.path for call in program.calls)
    for index, call in enumerate(program.calls, start=1):
        if logits in values.values:
            break
        # a module's path names its only call; functional calls have names of their own
        named = call.path if call.path and calls_of_path[call.path] == 1 else call.output
        place = f"operation {index} of {len(program.calls)}"
        if call.path and named != call.path:
            place += f", in {call.path}"
        _read(values, call, Origin(kind_of(call), named, place))
    end = Origin("output", logits, "the output")
    if logits not in values.values:
        raise end.refused("does not depend on the input")
    output = values.out.flatten(end, values.values[logits])
    if output == INPUT:
        raise end.refused("is the input itself")
    return values.out.finish(output, final)


def _logits(program: AtenProgram) -> tuple[str, str]:
    producers = {call.output: call for call in program.calls}

    def step(tensor: str) -> tuple[str, str] | None:
        call = producers.get(tensor)
        source = next(iter(call.arguments.values()), None) if call is not None else None
        if call is None or not isinstance(source, TensorName):
            return None
        return kind_of(call), source.name

    return final_activation(program.output_name, step)


def _read(values: AtenValues, call: AtenCall, origin: Origin) -> None:
    # in place or not is the same here: each call gives a tensor of its own
    kind, arguments = kind_of(call).removesuffix("_"), call.arguments
    tensors = [value for value in arguments.values() if isinstance(value, TensorName)]
    parts = arguments.get("tensors", [])
    if not any(tensor.name in values.values for tensor in (*tensors, *parts)):
        _read_constant(values, kind, call)
        return
    if arguments.get("train") is True or arguments.get("training") is True:
        raise origin.refused("is in training mode")
    source = values.values.get(tensors[0].name, "") if tensors else ""
    handler = _HANDLERS.get(kind)
    if kind in _SAME:
        result = source
    elif kind in PLAIN:
        result = values.out.activation(origin, source, PLAIN[kind])
    elif handler is not None:
        result = handler(values, call, origin, source)
    else:
        raise origin.refused()
    values.values[call.output] = result


def _read_constant(values: AtenValues, kind: str, call: AtenCall) -> None:
    """Calls on weights only, such as a transposed matrix; sizes are not tensors."""
    given = next(
        (
            values.constants[value.name]
            for value in call.arguments.values()
            if isinstance(value, TensorName) and value.name in values.constants
        ),
        None,
    )
    if given is None:
        return
    if kind in ("t", "numpy_T"):
        values.constants[call.output] = given.T
    elif kind == "permute":
        values.constants[call.output] = np.transpose(given, call.arguments["dims"])
    elif kind == "transpose":
        first, second = call.arguments["dim0"], call.arguments["dim1"]
        values.constants[call.output] = np.swapaxes(given, first, second)
    elif kind in _SAME:
        values.constants[call.output] = given
