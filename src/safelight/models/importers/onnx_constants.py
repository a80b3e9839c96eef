"""ONNX nodes that do not depend on the image: constants, and the sums of a ``view(n, -1)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.models.importers.onnx_file import OnnxCall

_CONSTANT_ROLES = ("value", "value_float", "value_floats", "value_int", "value_ints")


def constant_result(
    call: OnnxCall,
    constants: Mapping[str, NDArray[Any]],
    shape_of: Callable[[str], tuple[int, ...] | None],
) -> NDArray[Any] | None:
    """What a node gives if that is known without the input, else None.

    Args:
        call: The node.
        constants: Arrays that are known, by name.
        shape_of: Shape of an encrypted tensor with its batch, or None.
    """
    if call.kind == "Constant":
        role = next((role for role in _CONSTANT_ROLES if role in call.attributes), None)
        return None if role is None else np.asarray(call.attributes[role])
    if call.kind == "Shape":
        shape = shape_of(call.inputs[0])
        if shape is None:
            return None
        start, end = call.attributes.get("start", 0), call.attributes.get("end", len(shape))
        return np.array(shape[start:end], dtype=np.int64)
    rule = _RULES.get(call.kind)
    if rule is None or any(name and name not in constants for name in call.inputs):
        return None
    return rule([constants[name] for name in call.inputs if name], call.attributes)


def _axes(given: list[NDArray[Any]], attributes: Mapping[str, Any]) -> tuple[int, ...]:
    axes = given[1].tolist() if len(given) > 1 else attributes.get("axes", ())
    return tuple(int(axis) for axis in axes)


def _slice(given: list[NDArray[Any]], attributes: Mapping[str, Any]) -> NDArray[Any]:
    array, starts, ends = given[:3]
    axes = given[3].tolist() if len(given) > 3 else list(range(len(starts)))
    steps = given[4].tolist() if len(given) > 4 else [1] * len(starts)
    index: list[slice] = [slice(None)] * array.ndim
    for axis, start, end, step in zip(axes, starts.tolist(), ends.tolist(), steps, strict=True):
        index[axis] = slice(start, end, step)
    return array[tuple(index)]


_RULES: Mapping[str, Callable[[list[NDArray[Any]], Mapping[str, Any]], NDArray[Any]]] = {
    "Identity": lambda given, _: given[0],
    "Cast": lambda given, _: given[0],
    "Gather": lambda given, a: np.take(given[0], given[1].astype(int), axis=a.get("axis", 0)),
    "Concat": lambda given, a: np.concatenate(given, axis=a["axis"]),
    "Unsqueeze": lambda given, a: np.expand_dims(given[0], _axes(given, a)),
    "Squeeze": lambda given, a: np.squeeze(given[0], _axes(given, a) or None),
    "Reshape": lambda given, _: given[0].reshape(given[1].astype(int).tolist()),
    "Transpose": lambda given, a: np.transpose(given[0], a.get("perm")),
    "Slice": _slice,
    "Add": lambda given, _: given[0] + given[1],
    "Sub": lambda given, _: given[0] - given[1],
    "Mul": lambda given, _: given[0] * given[1],
    "Div": lambda given, _: given[0] / given[1],
    "Sqrt": lambda given, _: np.sqrt(given[0]),
}
