"""ATen calls of arithmetic: sums, squares, constants, concatenation."""

from __future__ import annotations

import numpy as np

from safelight.models.importers.aten_values import AtenValues, Handler
from safelight.models.importers.origin import Origin
from safelight.models.importers.pt2_archive import AtenCall, TensorName


def power(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """The second, third or fourth power."""
    exponent = call.arguments["exponent"]
    if isinstance(exponent, TensorName) or exponent not in (2, 3, 4):
        raise origin.refused("is a power other than 2, 3 or 4", topic="product")
    return values.out.power(origin, source, int(exponent))


def square(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``x · x``."""
    return values.out.power(origin, source, 2)


def mul(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """By itself, by a constant, or by its own sigmoid."""
    left, right = call.arguments["self"], call.arguments["other"]
    if left == right:
        return values.out.power(origin, source, 2)
    dynamic, factor = values.with_constant(left, right)
    if factor is not None:
        return values.out.scale_and_shift(origin, dynamic, factor, np.zeros(()))
    gated = values.gated(left.name, right.name)
    if gated is None:
        raise origin.refused("multiplies two different encrypted values")
    return values.out.activation(origin, gated, "silu")


def div(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """By a constant."""
    dynamic, divisor = values.with_constant(call.arguments["self"], call.arguments["other"])
    if divisor is None or not source:
        raise origin.refused("divides by an encrypted value")
    return values.out.scale_and_shift(origin, dynamic, 1.0 / divisor, np.zeros(()))


def add(values: AtenValues, call: AtenCall, origin: Origin, source: str, sign: float = 1.0) -> str:
    """``x + α·y`` or ``x + α·c``."""
    given = call.arguments
    alpha = sign * float(given.get("alpha", 1))
    left, right = given["self"], given["other"]
    dynamic, shift = values.with_constant(left, right)
    if shift is not None:
        if source:  # x + α·c
            return values.out.scale_and_shift(origin, dynamic, np.ones(()), alpha * shift)
        return values.out.scale_and_shift(origin, dynamic, alpha * np.ones(()), shift)
    second = values.values[right.name]
    if alpha != 1.0:
        second = values.out.scale_and_shift(origin, second, alpha * np.ones(()), np.zeros(()))
    return values.out.sum(origin, values.values[left.name], second)


def sub(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``x − α·y``."""
    return add(values, call, origin, source, -1.0)


def rsub(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``c − α·x``."""
    shift, alpha = float(call.arguments["other"]), float(call.arguments.get("alpha", 1))
    return values.out.scale_and_shift(origin, source, np.full((), -alpha), np.full((), shift))


def cat(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Along the channels."""
    parts = call.arguments["tensors"]
    if call.arguments.get("dim", 0) != 1 or any(p.name not in values.values for p in parts):
        raise origin.refused("joins along another axis than the channels", topic="layout")
    return values.out.concatenation(origin, [values.values[part.name] for part in parts])


ARITHMETIC: dict[str, Handler] = {
    "add": add,
    "cat": cat,
    "div": div,
    "mul": mul,
    "pow": power,
    "rsub": rsub,
    "square": square,
    "sub": sub,
}
