"""ONNX nodes of arithmetic and of activations with parameters."""

from __future__ import annotations

import math

import numpy as np

from safelight.circuit.graph import FloatArray
from safelight.models.importers.onnx_file import OnnxCall
from safelight.models.importers.onnx_values import Handler, OnnxValues
from safelight.models.importers.origin import Origin


def add(values: OnnxValues, call: OnnxCall, origin: Origin, source: str, sign: float = 1.0) -> str:
    """Of two values, or of a value and a constant."""
    left, right = call.inputs
    if left in values.values and right in values.values:
        second = values.values[right]
        if sign < 0:
            second = values.out.scale_and_shift(origin, second, -np.ones(()), np.zeros(()))
        return values.out.sum(origin, values.values[left], second)
    if left in values.values:
        shift = sign * values.constant(call, 1, origin)
        return values.out.scale_and_shift(origin, values.values[left], np.ones(()), shift)
    factor = np.full((), sign)
    shift = values.constant(call, 0, origin)
    return values.out.scale_and_shift(origin, values.value(right, origin), factor, shift)


def sub(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """As `add`."""
    return add(values, call, origin, source, -1.0)


def mul(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """By itself, by a constant, or by its own sigmoid."""
    left, right = call.inputs
    if left == right:
        return values.out.power(origin, source, 2)
    if left in values.values and right in values.values:
        for gate, value in ((left, right), (right, left)):
            layer = next((k for k in values.out.layers if k.name == values.values[gate]), None)
            reads = layer is not None and layer.inputs == (values.values[value],)
            if layer is not None and layer.op == "sigmoid" and reads:
                return values.out.activation(origin, values.values[value], "silu")
        raise origin.refused("multiplies two different encrypted values")
    dynamic, position = (left, 1) if left in values.values else (right, 0)
    return _scaled(values, call, origin, dynamic, values.constant(call, position, origin))


def div(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """By a constant."""
    if not source:
        raise origin.refused("divides by an encrypted value")
    return _scaled(values, call, origin, call.inputs[0], 1.0 / values.constant(call, 1, origin))


def _scaled(
    values: OnnxValues, call: OnnxCall, origin: Origin, tensor: str, factor: FloatArray
) -> str:
    source = values.value(tensor, origin)
    if factor.size == 1:
        values.gelu.scaled[call.outputs[0]] = (source, float(factor.reshape(())))
    return values.out.scale_and_shift(origin, source, factor, np.zeros(()))


def power(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """The second, third or fourth power."""
    exponent = values.constant(call, 1, origin)
    if exponent.size != 1 or float(exponent.reshape(())) not in (2.0, 3.0, 4.0):
        raise origin.refused("is a power other than 2, 3 or 4", topic="product")
    return values.out.power(origin, source, int(exponent.reshape(())))


def gelu(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Exact, or by tanh."""
    exact = call.attributes.get("approximate", "none") == "none"
    return values.out.activation(origin, source, "gelu" if exact else "gelu_tanh")


def leaky_relu(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """With a slope of 0.01."""
    return _usual(values, call, origin, source, "leaky_relu", alpha=0.01)


def elu(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """With α = 1."""
    return _usual(values, call, origin, source, "elu", alpha=1.0)


def hard_sigmoid(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """With a slope of 1/6."""
    # ONNX's own default is 0.2; PyTorch and MobileNet mean a sixth
    alpha = float(call.attributes.get("alpha", 0.2))
    beta = float(call.attributes.get("beta", 0.5))
    if not (math.isclose(alpha, 1 / 6, rel_tol=1e-5) and math.isclose(beta, 0.5)):
        raise origin.refused("has a slope other than 1/6", topic="activation")
    return values.out.activation(origin, source, "hard_sigmoid")


def clip(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """As ReLU6 only."""
    low, high = (values.optional(call, position, origin) for position in (1, 2))
    bounds = [None if b is None else float(b.reshape(())) for b in (low, high)]
    if bounds != [0.0, 6.0]:
        raise origin.refused("clips to another interval than [0, 6]", topic="activation")
    return values.out.activation(origin, source, "relu6")


def _usual(
    values: OnnxValues, call: OnnxCall, origin: Origin, source: str, kind: str, **usual: float
) -> str:
    for name, value in usual.items():
        given = float(call.attributes.get(name, value))
        if not math.isclose(given, value, rel_tol=1e-6):
            raise origin.refused(f"has an {name} other than {value:g}", topic="activation")
    return values.out.activation(origin, source, kind)


ARITHMETIC: dict[str, Handler] = {
    "Add": add,
    "Clip": clip,
    "Div": div,
    "Elu": elu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "LeakyRelu": leaky_relu,
    "Mul": mul,
    "Pow": power,
    "Sub": sub,
}
