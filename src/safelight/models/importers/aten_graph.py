"""ATen calls (a ``.pt2`` archive, or a module that was just exported) to a draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray
from safelight.models.importers.assembly import Assembly, Origin
from safelight.models.importers.draft import Draft
from safelight.models.importers.final_activation import FINAL_KINDS, final_activation
from safelight.models.importers.pt2_archive import (
    AtenCall,
    AtenProgram,
    TensorName,
    read_archive,
)

_SAME = {
    "alias", "clone", "contiguous", "detach", "dropout", "dropout_", "feature_dropout", "identity",
    "lift_fresh_copy", "to", "_to_copy",
}  # fmt: skip
_ACTIVATIONS = {
    "relu": "relu", "relu_": "relu", "relu6": "relu6", "silu": "silu", "silu_": "silu",
    "sigmoid": "sigmoid", "tanh": "tanh", "hardswish": "hard_swish", "hardswish_": "hard_swish",
    "hardsigmoid": "hard_sigmoid", "mish": "mish", "mish_": "mish",
}  # fmt: skip
_FLATTENING = ("flatten", "view", "reshape", "_unsafe_view", "squeeze", "unflatten")


def draft_of_archive(data: bytes, name: str) -> Draft:
    """The draft of a ``.pt2`` archive.

    Raises:
        InputError: Not an archive that we read.
        UnsupportedLayerError: An operation that has no encrypted form, with its place.
    """
    return _Reader(read_archive(data), name).draft()


class _Reader:
    """Walks the calls; ``values`` maps tensors to layers, ``constants`` to arrays."""

    def __init__(self, program: AtenProgram, name: str) -> None:
        self.program = program
        self.out = Assembly(name, program.input_shape)
        self.values: dict[str, str] = {program.input_name: INPUT}
        self.constants: dict[str, FloatArray] = dict(program.constants)
        self.paths: dict[str, int] = {}
        for call in program.calls:
            self.paths[call.path] = self.paths.get(call.path, 0) + 1

    def draft(self) -> Draft:
        producers = {call.output: call for call in self.program.calls}

        def step(tensor: str) -> tuple[str, str] | None:
            call = producers.get(tensor)
            source = next(iter(call.arguments.values()), None) if call is not None else None
            if call is None or not isinstance(source, TensorName):
                return None
            return _kind(call), source.name

        logits, final = final_activation(self.program.output_name, step)
        for index, call in enumerate(self.program.calls, start=1):
            if logits in self.values:
                break
            origin = self._origin(call, index)
            self._read(call, origin)
        end = Origin("output", logits, "the output")
        if logits not in self.values:
            raise end.refused("does not depend on the input")
        output = self.out.flatten(end, self.values[logits])
        if output == INPUT:
            raise end.refused("is the input itself")
        return self.out.finish(output, final)

    def _origin(self, call: AtenCall, index: int) -> Origin:
        # a module's path names its only call; functional calls have names of their own
        named = call.path if call.path and self.paths[call.path] == 1 else call.output
        place = f"operation {index} of {len(self.program.calls)}"
        if call.path and named != call.path:
            place += f", in {call.path}"
        return Origin(_kind(call), named, place)

    def _read(self, call: AtenCall, origin: Origin) -> None:
        kind, arguments = _kind(call), call.arguments
        tensors = [value for value in arguments.values() if isinstance(value, TensorName)]
        parts = arguments.get("tensors", [])
        if not any(tensor.name in self.values for tensor in (*tensors, *parts)):
            self._constant(kind, call)
            return
        if arguments.get("train") is True or arguments.get("training") is True:
            raise origin.refused("is in training mode")
        source = self.values.get(tensors[0].name, "") if tensors else ""
        handler = _HANDLERS.get(kind.removesuffix("_"))
        if kind in _SAME:
            result = source
        elif kind in _ACTIVATIONS:
            result = self.out.activation(origin, source, _ACTIVATIONS[kind])
        elif kind in _FLATTENING:
            result = self._flattened(call, origin, source)
        elif handler is not None:
            result = handler(self, call, origin, source)
        else:
            raise origin.refused()
        self.values[call.output] = result

    def _constant(self, kind: str, call: AtenCall) -> None:
        """Calls on weights only, such as a transposed matrix; sizes are not tensors."""
        given = next(
            (self.constants[v.name] for v in call.arguments.values() if _known(v, self.constants)),
            None,
        )
        if given is None:
            return
        if kind in ("t", "numpy_T"):
            self.constants[call.output] = given.T
        elif kind == "transpose":
            first, second = call.arguments["dim0"], call.arguments["dim1"]
            self.constants[call.output] = np.swapaxes(given, first, second)
        elif kind in _SAME:
            self.constants[call.output] = given

    def _array(self, value: Any) -> FloatArray | None:
        if isinstance(value, TensorName) and value.name in self.constants:
            return np.asarray(self.constants[value.name], dtype=np.float64)
        return None

    def _weight(self, call: AtenCall, role: str, origin: Origin) -> FloatArray:
        array = self._array(call.arguments.get(role))
        if array is None:
            raise origin.refused(f"has a {role} that depends on the input", kind="product")
        return array

    def _conv2d(self, call: AtenCall, origin: Origin, source: str) -> str:
        given = call.arguments
        weight = self._weight(call, "weight", origin)
        dilation = _two(given.get("dilation", 1))
        padding = given.get("padding", 0)
        if isinstance(padding, str):
            total = [
                step * (size - 1) if padding == "same" else 0
                for size, step in zip(weight.shape[2:], dilation, strict=True)
            ]
            # as PyTorch: the odd one goes after
            pads = [total[0] // 2, total[1] // 2]
            pads += [total[0] - pads[0], total[1] - pads[1]]
        else:
            pads = [*_two(padding), *_two(padding)]
        return self.out.convolution(
            origin,
            source,
            weight,
            self._array(given.get("bias")),
            stride=_two(given.get("stride", 1)),
            pads=pads,
            dilation=dilation,
            groups=int(given.get("groups", 1)),
        )

    def _linear(self, call: AtenCall, origin: Origin, source: str) -> str:
        weight = self._weight(call, "weight", origin)
        return self.out.dense(origin, source, weight, self._array(call.arguments.get("bias")))

    def _addmm(self, call: AtenCall, origin: Origin, source: str) -> str:
        source = self.values.get(call.arguments["mat1"].name, "")
        if not source:
            raise origin.refused(kind="product")
        weight = self._weight(call, "mat2", origin)
        return self.out.dense(origin, source, weight.T, self._weight(call, "self", origin))

    def _mm(self, call: AtenCall, origin: Origin, source: str) -> str:
        second = next(k for k in ("mat2", "other") if k in call.arguments)
        return self.out.dense(origin, source, self._weight(call, second, origin).T, None)

    def _batch_norm(self, call: AtenCall, origin: Origin, source: str) -> str:
        given = call.arguments
        mean, variance = self._array(given["running_mean"]), self._array(given["running_var"])
        if mean is None or variance is None:
            raise origin.refused("keeps no statistics of training")
        weight, bias = self._array(given.get("weight")), self._array(given.get("bias"))
        return self.out.batch_norm(
            origin, source, weight, bias, mean, variance, float(given.get("eps", 1e-5))
        )

    def _avg_pool2d(self, call: AtenCall, origin: Origin, source: str) -> str:
        given = call.arguments
        if given.get("divisor_override") is not None:
            raise origin.refused("has a divisor of its own", kind="pooling")
        kernel = _two(given["kernel_size"])
        padding = _two(given.get("padding", 0))
        return self.out.average_pool(
            origin,
            source,
            kernel=kernel,
            stride=_two(given.get("stride") or kernel),
            pads=(*padding, *padding),
            ceil=bool(given.get("ceil_mode", False)),
            padding_counts=bool(given.get("count_include_pad", True)),
        )

    def _max_pool2d(self, call: AtenCall, origin: Origin, source: str) -> str:
        given = call.arguments
        kernel, padding = _two(given["kernel_size"]), _two(given.get("padding", 0))
        if _two(given.get("dilation", 1)) != (1, 1):
            raise origin.refused("is dilated")
        return self.out.max_pool(
            origin,
            source,
            kernel=kernel,
            stride=_two(given.get("stride") or kernel),
            pads=(*padding, *padding),
            ceil=bool(given.get("ceil_mode", False)),
        )

    def _adaptive_avg_pool2d(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self.out.adaptive_average(origin, source, _two(call.arguments["output_size"]))

    def _mean(self, call: AtenCall, origin: Origin, source: str) -> str:
        dims = sorted(d % 4 for d in call.arguments.get("dim") or ())
        if len(self.out.shape(source)) != 3 or dims != [2, 3]:
            raise origin.refused("averages over other axes than height and width", kind="layout")
        result = self.out.adaptive_average(origin, source, (1, 1))
        return result if call.arguments.get("keepdim") else self.out.flatten(origin, result)

    def _gelu(self, call: AtenCall, origin: Origin, source: str) -> str:
        exact = call.arguments.get("approximate", "none") == "none"
        return self.out.activation(origin, source, "gelu" if exact else "gelu_tanh")

    def _usual(self, call: AtenCall, origin: Origin, source: str, kind: str, **usual: float) -> str:
        for name, value in usual.items():
            if not math.isclose(float(call.arguments.get(name, value)), value):
                raise origin.refused(f"has a {name} other than {value:g}", kind="activation")
        return self.out.activation(origin, source, kind)

    def _leaky_relu(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "leaky_relu", negative_slope=0.01)

    def _elu(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "elu", alpha=1.0, scale=1.0, input_scale=1.0)

    def _softplus(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "softplus", beta=1.0)

    def _hardtanh(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "relu6", min_val=0.0, max_val=6.0)

    def _pow(self, call: AtenCall, origin: Origin, source: str) -> str:
        exponent = call.arguments["exponent"]
        if isinstance(exponent, TensorName) or exponent not in (2, 3, 4):
            raise origin.refused("is a power other than 2, 3 or 4", kind="product")
        return self.out.power(origin, source, int(exponent))

    def _square(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self.out.power(origin, source, 2)

    def _mul(self, call: AtenCall, origin: Origin, source: str) -> str:
        left, right = call.arguments["self"], call.arguments["other"]
        if left == right:
            return self.out.power(origin, source, 2)
        dynamic, factor = self._with_constant(left, right)
        if factor is not None:
            return self.out.scale_and_shift(origin, dynamic, factor, np.zeros(()))
        gated = self._gated(left.name, right.name)
        if gated is None:
            raise origin.refused("multiplies two different encrypted values")
        return self.out.activation(origin, gated, "silu")

    def _div(self, call: AtenCall, origin: Origin, source: str) -> str:
        dynamic, divisor = self._with_constant(call.arguments["self"], call.arguments["other"])
        if divisor is None or not source:
            raise origin.refused("divides by an encrypted value")
        return self.out.scale_and_shift(origin, dynamic, 1.0 / divisor, np.zeros(()))

    def _add(self, call: AtenCall, origin: Origin, source: str, sign: float = 1.0) -> str:
        given = call.arguments
        alpha = sign * float(given.get("alpha", 1))
        left, right = given["self"], given["other"]
        dynamic, shift = self._with_constant(left, right)
        if shift is not None:
            if source:  # x + α·c
                return self.out.scale_and_shift(origin, dynamic, np.ones(()), alpha * shift)
            return self.out.scale_and_shift(origin, dynamic, alpha * np.ones(()), shift)
        second = self.values[right.name]
        if alpha != 1.0:
            second = self.out.scale_and_shift(origin, second, alpha * np.ones(()), np.zeros(()))
        return self.out.sum(origin, self.values[left.name], second)

    def _sub(self, call: AtenCall, origin: Origin, source: str) -> str:
        return self._add(call, origin, source, -1.0)

    def _rsub(self, call: AtenCall, origin: Origin, source: str) -> str:
        shift, alpha = float(call.arguments["other"]), float(call.arguments.get("alpha", 1))
        return self.out.scale_and_shift(origin, source, np.full((), -alpha), np.full((), shift))

    def _cat(self, call: AtenCall, origin: Origin, source: str) -> str:
        parts = call.arguments["tensors"]
        if call.arguments.get("dim", 0) != 1 or any(p.name not in self.values for p in parts):
            raise origin.refused("joins along another axis than the channels", kind="layout")
        return self.out.concatenation(origin, [self.values[part.name] for part in parts])

    def _with_constant(self, left: Any, right: Any) -> tuple[str, FloatArray | None]:
        """(encrypted value, constant) of two operands in either order; None without a constant."""
        for value, other in ((left, right), (right, left)):
            if isinstance(value, TensorName) and value.name in self.values:
                if isinstance(other, int | float):
                    return self.values[value.name], np.asarray(float(other))
                if (array := self._array(other)) is not None:
                    return self.values[value.name], array
        return "", None

    def _gated(self, left: str, right: str) -> str | None:
        """x, if the two tensors are x and sigmoid(x)."""
        for gate, value in ((left, right), (right, left)):
            layer = next((k for k in self.out.layers if k.name == self.values[gate]), None)
            reads = layer is not None and layer.inputs == (self.values[value],)
            if layer is not None and layer.op == "sigmoid" and reads:
                return self.values[value]
        return None

    def _flattened(self, call: AtenCall, origin: Origin, source: str) -> str:
        """A reshape to ``[batch, features]``, or one that changes nothing."""
        kind, given, shape = _kind(call), call.arguments, self.out.shape(source)
        if kind == "flatten":
            start, end = given.get("start_dim", 0), given.get("end_dim", -1)
            if start == 1 and end in (-1, len(shape)):
                return self.out.flatten(origin, source)
        elif kind == "squeeze":
            if math.prod(shape) == shape[0]:
                return self.out.flatten(origin, source)
        else:
            sizes = given.get("size", given.get("shape", ()))
            # the batch is a name, −1, or the size that was exported
            if len(sizes) == 2 and sizes[1] in (-1, math.prod(shape)):
                return self.out.flatten(origin, source)
            if tuple(sizes[1:]) == shape:
                return source
        raise origin.refused(f"changes an input {list(shape)} other than by flattening it")


_HANDLERS: Mapping[str, Callable[[_Reader, AtenCall, Origin, str], str]] = {
    "adaptive_avg_pool2d": _Reader._adaptive_avg_pool2d,
    "add": _Reader._add,
    "addmm": _Reader._addmm,
    "avg_pool2d": _Reader._avg_pool2d,
    "batch_norm": _Reader._batch_norm,
    "cat": _Reader._cat,
    "conv2d": _Reader._conv2d,
    "div": _Reader._div,
    "elu": _Reader._elu,
    "gelu": _Reader._gelu,
    "hardtanh": _Reader._hardtanh,
    "leaky_relu": _Reader._leaky_relu,
    "linear": _Reader._linear,
    "matmul": _Reader._mm,
    "max_pool2d": _Reader._max_pool2d,
    "mean": _Reader._mean,
    "mm": _Reader._mm,
    "mul": _Reader._mul,
    "pow": _Reader._pow,
    "rsub": _Reader._rsub,
    "softplus": _Reader._softplus,
    "square": _Reader._square,
    "sub": _Reader._sub,
}


def _kind(call: AtenCall) -> str:
    """``aten.conv2d.default`` as ``conv2d``."""
    name = call.op.split(".")[-2] if call.op.count(".") >= 2 else call.op
    return FINAL_KINDS.get(name, name)


def _known(value: Any, constants: dict[str, FloatArray]) -> bool:
    return isinstance(value, TensorName) and value.name in constants


def _two(value: int | Sequence[int]) -> tuple[int, int]:
    if isinstance(value, int):
        return value, value
    return (int(value[0]), int(value[-1]))
