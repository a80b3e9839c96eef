"""Activation functions of other frameworks, in float64: what the polynomials stand in for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from safelight.circuit.graph import FloatArray

_erf = np.frompyfunc(math.erf, 1, 1)


def _sigmoid(x: FloatArray) -> FloatArray:
    # without overflow on either side
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _gelu(x: FloatArray) -> FloatArray:
    erf = np.asarray(_erf(x / math.sqrt(2.0)), dtype=np.float64)
    return np.asarray(0.5 * x * (1.0 + erf))


def _gelu_tanh(x: FloatArray) -> FloatArray:
    # the constants of the usual approximation, Hendrycks and Gimpel, arXiv 1606.08415, section 2
    inner = math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)
    return np.asarray(0.5 * x * (1.0 + np.tanh(inner)))


def _softplus(x: FloatArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, x))


def _hard_sigmoid(x: FloatArray) -> FloatArray:
    return np.clip(x / 6.0 + 0.5, 0.0, 1.0)


def _elu(x: FloatArray) -> FloatArray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0.0)))


ACTIVATIONS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.clip(x, 0.0, 6.0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": _elu,
    "silu": lambda x: x * _sigmoid(x),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "gelu": _gelu,
    "gelu_tanh": _gelu_tanh,
    "softplus": _softplus,
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda x: x * _hard_sigmoid(x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
}
"""By name. A frontend gives one of these to a layer only if its parameters are the usual ones."""
