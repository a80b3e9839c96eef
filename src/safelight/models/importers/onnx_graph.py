"""ONNX operators to a draft."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import INPUT, FloatArray, Shape
from safelight.errors import InputError
from safelight.models.importers.assembly import Assembly, Origin
from safelight.models.importers.draft import Draft
from safelight.models.importers.final_activation import final_activation
from safelight.models.importers.onnx_constants import constant_result
from safelight.models.importers.onnx_file import OnnxCall, OnnxProgram, load_onnx, onnx_program
from safelight.models.importers.written_out_gelu import WrittenOutGelu

_SAME = ("Identity", "Dropout", "Cast")
_ACTIVATIONS = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Softplus": "softplus",
    "HardSwish": "hard_swish", "Mish": "mish",
}  # fmt: skip


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
    return _Reader(program, name, shape).draft()


class _Reader:
    """Walks the nodes; ``values`` maps tensors to layers, ``constants`` to arrays."""

    def __init__(self, program: OnnxProgram, name: str, shape: Shape) -> None:
        self.program = program
        self.out = Assembly(name, shape)
        self.values: dict[str, str] = {program.input_name: INPUT}
        self.constants: dict[str, NDArray[Any]] = dict(program.constants)
        self.gelu = WrittenOutGelu()

    def draft(self) -> Draft:
        producers = {name: call for call in self.program.calls for name in call.outputs}

        def step(tensor: str) -> tuple[str, str] | None:
            call = producers.get(tensor)
            return None if call is None or not call.inputs else (call.kind, call.inputs[0])

        logits, final = final_activation(self.program.output_name, step)
        for index, call in enumerate(self.program.calls, start=1):
            if logits in self.values:
                break
            place = f"operation {index} of {len(self.program.calls)}"
            self._read(call, Origin(call.kind, call.name, place))
        end = Origin("output", logits, "the output")
        if logits not in self.values:
            raise end.refused("does not depend on the input")
        output = self.out.flatten(end, self.values[logits])
        if output == INPUT:
            raise end.refused("is the input itself")
        return self.out.finish(output, final)

    def _read(self, call: OnnxCall, origin: Origin) -> None:
        result = constant_result(call, self.constants, self._shape_of)
        if result is not None:
            self.constants[call.outputs[0]] = result
            return
        source = self.values.get(call.inputs[0], "") if call.inputs else ""
        handler = _HANDLERS.get(call.kind)
        if call.kind == "Erf" and self.gelu.erf(call.inputs[0], call.outputs[0]):
            return
        if any(name in self.gelu.stages for name in call.inputs):
            self._inside_gelu(call, origin)
            return
        if call.kind in _SAME and source:
            value = source
        elif call.kind in _ACTIVATIONS and source:
            value = self.out.activation(origin, source, _ACTIVATIONS[call.kind])
        elif handler is not None:
            value = handler(self, call, origin, source)
        else:
            raise origin.refused()
        self.values[call.outputs[0]] = value

    def _shape_of(self, tensor: str) -> tuple[int, ...] | None:
        """Shape of an encrypted tensor, with the batch."""
        if tensor not in self.values:
            return None
        return (self.program.batch, *self.out.shape(self.values[tensor]))

    def _constant(self, call: OnnxCall, position: int, origin: Origin) -> FloatArray:
        name = call.inputs[position]
        if name not in self.constants:
            raise origin.refused(f"has an encrypted value as input {position + 1}", kind="product")
        return np.asarray(self.constants[name], dtype=np.float64)

    def _optional(self, call: OnnxCall, position: int, origin: Origin) -> FloatArray | None:
        if len(call.inputs) <= position or not call.inputs[position]:
            return None
        return self._constant(call, position, origin)

    def _conv(self, call: OnnxCall, origin: Origin, source: str) -> str:
        weight = self._constant(call, 1, origin)
        if weight.ndim != 4:
            raise origin.refused("is not two-dimensional", kind="layout")
        dilation = call.attributes.get("dilations", (1, 1))
        stride = call.attributes.get("strides", (1, 1))
        reach = [(size - 1) * d + 1 for size, d in zip(weight.shape[2:], dilation, strict=True)]
        return self.out.convolution(
            origin,
            source,
            weight,
            self._optional(call, 2, origin),
            stride=stride,
            pads=self._pads(call, origin, source, reach, stride),
            dilation=dilation,
            groups=int(call.attributes.get("group", 1)),
        )

    def _pads(
        self, call: OnnxCall, origin: Origin, source: str, reach: Sequence[int], stride: Any
    ) -> Sequence[int]:
        """Top, left, bottom, right."""
        automatic = call.attributes.get("auto_pad", "NOTSET")
        if automatic == "NOTSET":
            return tuple(call.attributes.get("pads", (0, 0, 0, 0)))
        if automatic == "VALID":
            return (0, 0, 0, 0)
        before, after = [], []
        for axis, size in enumerate(self.out.shape(source)[1:]):
            count = math.ceil(size / stride[axis])
            total = max((count - 1) * stride[axis] + reach[axis] - size, 0)
            small, large = total // 2, total - total // 2
            before.append(small if automatic == "SAME_UPPER" else large)
            after.append(large if automatic == "SAME_UPPER" else small)
        return (*before, *after)

    def _gemm(self, call: OnnxCall, origin: Origin, source: str) -> str:
        given = call.attributes
        if given.get("transA", 0) or not source:
            raise origin.refused("is transposed, or its first matrix is constant", kind="layout")
        weight = self._constant(call, 1, origin) * float(given.get("alpha", 1.0))
        weight = weight if given.get("transB", 0) else weight.T
        bias = self._optional(call, 2, origin)
        if bias is not None:
            bias = np.broadcast_to(bias * float(given.get("beta", 1.0)), (1, len(weight)))[0]
        return self.out.dense(origin, source, weight, bias)

    def _matmul(self, call: OnnxCall, origin: Origin, source: str) -> str:
        if not source:
            raise origin.refused("has an encrypted second matrix", kind="product")
        return self.out.dense(origin, source, self._constant(call, 1, origin).T, None)

    def _batchnormalization(self, call: OnnxCall, origin: Origin, source: str) -> str:
        if call.attributes.get("training_mode", 0):
            raise origin.refused("is in training mode")
        scale, shift, mean, variance = (self._constant(call, k, origin) for k in range(1, 5))
        epsilon = float(call.attributes.get("epsilon", 1e-5))
        return self.out.batch_norm(origin, source, scale, shift, mean, variance, epsilon)

    def _averagepool(self, call: OnnxCall, origin: Origin, source: str) -> str:
        kernel = call.attributes["kernel_shape"]
        stride = call.attributes.get("strides", (1,) * len(kernel))
        return self.out.average_pool(
            origin,
            source,
            kernel=kernel,
            stride=stride,
            pads=self._pads(call, origin, source, kernel, stride),
            ceil=bool(call.attributes.get("ceil_mode", 0)),
            padding_counts=bool(call.attributes.get("count_include_pad", 0)),
        )

    def _maxpool(self, call: OnnxCall, origin: Origin, source: str) -> str:
        kernel = call.attributes["kernel_shape"]
        stride = call.attributes.get("strides", (1,) * len(kernel))
        return self.out.max_pool(
            origin,
            source,
            kernel=kernel,
            stride=stride,
            pads=self._pads(call, origin, source, kernel, stride),
            ceil=bool(call.attributes.get("ceil_mode", 0)),
        )

    def _globalaveragepool(self, call: OnnxCall, origin: Origin, source: str) -> str:
        return self.out.adaptive_average(origin, source, (1, 1))

    def _reducemean(self, call: OnnxCall, origin: Origin, source: str) -> str:
        axes = call.attributes.get("axes")
        if axes is None and len(call.inputs) > 1:
            axes = self._constant(call, 1, origin).astype(int).tolist()
        if len(self.out.shape(source)) != 3 or sorted(a % 4 for a in axes or ()) != [2, 3]:
            raise origin.refused("averages over other axes than height and width", kind="layout")
        result = self.out.adaptive_average(origin, source, (1, 1))
        return result if call.attributes.get("keepdims", 1) else self.out.flatten(origin, result)

    def _flatten(self, call: OnnxCall, origin: Origin, source: str) -> str:
        if call.attributes.get("axis", 1) != 1:
            raise origin.refused("flattens from another axis than the first", kind="layout")
        return self.out.flatten(origin, source)

    def _reshape(self, call: OnnxCall, origin: Origin, source: str) -> str:
        shape = self.out.shape(source)
        target = [int(size) for size in self._constant(call, 1, origin)]
        copied = (self.program.batch, *shape)
        if not call.attributes.get("allowzero", 0):
            target = [
                copied[k] if size == 0 and k < len(copied) else size
                for k, size in enumerate(target)
            ]
        if len(target) == 2 and target[1] in (-1, math.prod(shape)):
            return self.out.flatten(origin, source)
        if tuple(target[1:]) == shape:
            return source
        raise origin.refused(f"changes an input {list(shape)} other than by flattening it")

    def _squeeze(self, call: OnnxCall, origin: Origin, source: str) -> str:
        shape = self.out.shape(source)
        if math.prod(shape) == shape[0]:
            return self.out.flatten(origin, source)
        raise origin.refused(f"changes an input {list(shape)}", kind="layout")

    def _transpose(self, call: OnnxCall, origin: Origin, source: str) -> str:
        why = "reorders the axes"
        if source == INPUT and tuple(call.attributes.get("perm", ())) == (0, 3, 1, 2):
            why = "takes images with the channels last"
        raise origin.refused(why, kind="layout")

    def _concat(self, call: OnnxCall, origin: Origin, source: str) -> str:
        if call.attributes["axis"] != 1 or any(name not in self.values for name in call.inputs):
            raise origin.refused("joins along another axis than the channels", kind="layout")
        return self.out.concatenation(origin, [self.values[name] for name in call.inputs])

    def _add(self, call: OnnxCall, origin: Origin, source: str, sign: float = 1.0) -> str:
        left, right = call.inputs
        if left in self.values and right in self.values:
            second = self.values[right]
            if sign < 0:
                second = self.out.scale_and_shift(origin, second, -np.ones(()), np.zeros(()))
            return self.out.sum(origin, self.values[left], second)
        if left in self.values:
            shift = sign * self._constant(call, 1, origin)
            return self.out.scale_and_shift(origin, self.values[left], np.ones(()), shift)
        factor = np.full((), sign)
        shift = self._constant(call, 0, origin)
        return self.out.scale_and_shift(origin, self._value(right, origin), factor, shift)

    def _sub(self, call: OnnxCall, origin: Origin, source: str) -> str:
        return self._add(call, origin, source, -1.0)

    def _mul(self, call: OnnxCall, origin: Origin, source: str) -> str:
        left, right = call.inputs
        if left == right:
            return self.out.power(origin, source, 2)
        if left in self.values and right in self.values:
            for gate, value in ((left, right), (right, left)):
                layer = next((k for k in self.out.layers if k.name == self.values[gate]), None)
                reads = layer is not None and layer.inputs == (self.values[value],)
                if layer is not None and layer.op == "sigmoid" and reads:
                    return self.out.activation(origin, self.values[value], "silu")
            raise origin.refused("multiplies two different encrypted values")
        dynamic, position = (left, 1) if left in self.values else (right, 0)
        return self._scaled(call, origin, dynamic, self._constant(call, position, origin))

    def _div(self, call: OnnxCall, origin: Origin, source: str) -> str:
        if not source:
            raise origin.refused("divides by an encrypted value")
        return self._scaled(call, origin, call.inputs[0], 1.0 / self._constant(call, 1, origin))

    def _scaled(self, call: OnnxCall, origin: Origin, tensor: str, factor: FloatArray) -> str:
        source = self._value(tensor, origin)
        if factor.size == 1:
            self.gelu.scaled[call.outputs[0]] = (source, float(factor.reshape(())))
        return self.out.scale_and_shift(origin, source, factor, np.zeros(()))

    def _pow(self, call: OnnxCall, origin: Origin, source: str) -> str:
        exponent = self._constant(call, 1, origin)
        if exponent.size != 1 or float(exponent.reshape(())) not in (2.0, 3.0, 4.0):
            raise origin.refused("is a power other than 2, 3 or 4", kind="product")
        return self.out.power(origin, source, int(exponent.reshape(())))

    def _gelu(self, call: OnnxCall, origin: Origin, source: str) -> str:
        exact = call.attributes.get("approximate", "none") == "none"
        return self.out.activation(origin, source, "gelu" if exact else "gelu_tanh")

    def _leakyrelu(self, call: OnnxCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "leaky_relu", alpha=0.01)

    def _elu(self, call: OnnxCall, origin: Origin, source: str) -> str:
        return self._usual(call, origin, source, "elu", alpha=1.0)

    def _hardsigmoid(self, call: OnnxCall, origin: Origin, source: str) -> str:
        # ONNX's own default is 0.2; PyTorch and MobileNet mean a sixth
        alpha = float(call.attributes.get("alpha", 0.2))
        beta = float(call.attributes.get("beta", 0.5))
        if not (math.isclose(alpha, 1 / 6, rel_tol=1e-5) and math.isclose(beta, 0.5)):
            raise origin.refused("has a slope other than 1/6", kind="activation")
        return self.out.activation(origin, source, "hard_sigmoid")

    def _clip(self, call: OnnxCall, origin: Origin, source: str) -> str:
        low, high = (self._optional(call, position, origin) for position in (1, 2))
        bounds = [None if b is None else float(b.reshape(())) for b in (low, high)]
        if bounds != [0.0, 6.0]:
            raise origin.refused("clips to another interval than [0, 6]")
        return self.out.activation(origin, source, "relu6")

    def _usual(self, call: OnnxCall, origin: Origin, source: str, kind: str, **usual: float) -> str:
        for name, value in usual.items():
            given = float(call.attributes.get(name, value))
            if not math.isclose(given, value, rel_tol=1e-6):
                raise origin.refused(f"has an {name} other than {value:g}", kind="activation")
        return self.out.activation(origin, source, kind)

    def _inside_gelu(self, call: OnnxCall, origin: Origin) -> None:
        """An operation on a part of a GELU that is written out."""
        inside = next(name for name in call.inputs if name in self.gelu.stages)
        rest = [name for name in call.inputs if name != inside]
        array = self.constants.get(rest[0]) if rest else None
        number = float(array.reshape(())) if array is not None and array.size == 1 else None
        other = self.values.get(rest[0]) if rest else None
        stage, value = self.gelu.stages[inside]
        if rest and stage == "one plus erf" and self.gelu.halves(rest[0], value):
            found: str | None = value
        else:
            found = self.gelu.advance(call.kind, inside, other, number, call.outputs[0])
        if found is None:
            raise Origin("Erf", origin.name, origin.place).refused()
        if found:
            self.values[call.outputs[0]] = self.out.activation(origin, found, "gelu")

    def _value(self, tensor: str, origin: Origin) -> str:
        if tensor not in self.values:
            raise origin.refused("reads a value that has no encrypted form of its own")
        return self.values[tensor]


_HANDLERS: Mapping[str, Callable[[_Reader, OnnxCall, Origin, str], str]] = {
    "Add": _Reader._add,
    "AveragePool": _Reader._averagepool,
    "BatchNormalization": _Reader._batchnormalization,
    "Clip": _Reader._clip,
    "Concat": _Reader._concat,
    "Conv": _Reader._conv,
    "Div": _Reader._div,
    "Elu": _Reader._elu,
    "Flatten": _Reader._flatten,
    "Gelu": _Reader._gelu,
    "Gemm": _Reader._gemm,
    "GlobalAveragePool": _Reader._globalaveragepool,
    "HardSigmoid": _Reader._hardsigmoid,
    "LeakyRelu": _Reader._leakyrelu,
    "MatMul": _Reader._matmul,
    "MaxPool": _Reader._maxpool,
    "Mul": _Reader._mul,
    "Pow": _Reader._pow,
    "ReduceMean": _Reader._reducemean,
    "Reshape": _Reader._reshape,
    "Squeeze": _Reader._squeeze,
    "Sub": _Reader._sub,
    "Transpose": _Reader._transpose,
}
