"""One hidden layer from a table of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safelight.errors import InputError
from safelight.models.training.architectures import Convolution, Dense, Hidden, Residual
from safelight.models.training.bounds import check_bounds

_FIELDS = {
    "conv": {"conv", "kernel", "stride", "padding"},
    "residual": {"residual", "stride"},
    "dense": {"dense"},
}


def hidden_layer(table: Mapping[str, Any], place: int) -> Hidden:
    """The layer that a table speaks of.

    Args:
        table: Such as ``{conv = 16, kernel = 3, stride = 2, padding = 1}``, ``{residual = 32}``
            or ``{dense = 64}``.
        place: Of it, from 1.

    Raises:
        InputError: Not such a table, or a number out of bounds.
    """

    def refuse(why: str) -> InputError:
        return InputError(
            f"layer {place} of [network] {why}",
            hint="{conv = 16, kernel = 3, stride = 2, padding = 1}, {residual = 32, stride = 1} "
            "or {dense = 64}",
        )

    if not isinstance(table, Mapping) or not all(
        isinstance(value, int) and not isinstance(value, bool) for value in table.values()
    ):
        raise refuse("must be a table of whole numbers")
    kind = next((kind for kind in _FIELDS if kind in table), None)
    if kind is None or not set(table) <= _FIELDS[kind]:
        raise refuse("is neither conv, residual nor dense, or has other fields")
    check_bounds("layer", table, where=f"network.layers[{place}]")
    stride = table.get("stride", 1)
    if kind == "dense":
        return Dense(table["dense"])
    if kind == "residual":
        return Residual(table["residual"], stride)
    kernel = table.get("kernel", 3)
    return Convolution(table["conv"], kernel, stride, table.get("padding", kernel // 2))
