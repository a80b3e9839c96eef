"""ATen calls of activations; those with unusual parameters are refused."""

from __future__ import annotations

import math

from safelight.models.importers.aten_values import AtenValues, Handler
from safelight.models.importers.origin import Origin
from safelight.models.importers.pt2_archive import AtenCall

PLAIN = {
    "relu": "relu",
    "relu6": "relu6",
    "silu": "silu",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    "mish": "mish",
}
"""Without parameters."""


def gelu(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Exact, or by tanh."""
    exact = call.arguments.get("approximate", "none") == "none"
    return values.out.activation(origin, source, "gelu" if exact else "gelu_tanh")


def _usual(
    values: AtenValues, call: AtenCall, origin: Origin, source: str, kind: str, **usual: float
) -> str:
    for name, value in usual.items():
        if not math.isclose(float(call.arguments.get(name, value)), value):
            raise origin.refused(f"has a {name} other than {value:g}", topic="activation")
    return values.out.activation(origin, source, kind)


def leaky_relu(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """With a slope of 0.01."""
    return _usual(values, call, origin, source, "leaky_relu", negative_slope=0.01)


def elu(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """With α = 1."""
    return _usual(values, call, origin, source, "elu", alpha=1.0, scale=1.0, input_scale=1.0)


def softplus(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """With β = 1."""
    return _usual(values, call, origin, source, "softplus", beta=1.0)


def hardtanh(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """As ReLU6 only."""
    return _usual(values, call, origin, source, "relu6", min_val=0.0, max_val=6.0)


ACTIVATION_CALLS: dict[str, Handler] = {
    "elu": elu,
    "gelu": gelu,
    "hardtanh": hardtanh,
    "leaky_relu": leaky_relu,
    "softplus": softplus,
}
