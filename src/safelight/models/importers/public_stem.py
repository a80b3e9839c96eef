"""Cuts the first layers off a draft: they run in the clear at the clinic, from the signature."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Layer
from safelight.errors import CompileError
from safelight.imaging.public_stem import (
    FUNCTIONS,
    PublicActivation,
    PublicConvolution,
    PublicPool,
    StemStep,
)
from safelight.models.importers.draft import MAX_POOL, Draft
from safelight.models.importers.origin import layer_name

_HINT = (
    "a stem is a chain of convolutions, batch norms, pooling and "
    + ", ".join(FUNCTIONS)
    + "; use --split for anything else"
)


def cut_stem(draft: Draft, layer: str) -> tuple[tuple[StemStep, ...], Draft]:
    """The steps of the layers up to ``layer``, and the draft of those after it.

    Raises:
        CompileError: No such layer, one that no stem can have, or one whose values are also read
            further on.
    """
    names = [one.name for one in draft.layers]
    wanted = layer if layer in names else layer_name(layer)
    if wanted not in names[:-1]:
        raise CompileError(
            f"the model has no layer {layer!r} to end a public part with",
            hint=f"one of {', '.join(names[:-1])}",
        )
    end = names.index(wanted) + 1
    stem, rest = draft.layers[:end], draft.layers[end:]
    inside = {INPUT, *names[: end - 1]}
    for one in rest:
        if inside.intersection(one.inputs):
            raise CompileError(
                f"layer {one.name!r} reads a value from inside the public part",
                hint="end the public part where a single value passes on, such as after an "
                "addition",
            )
    shapes = draft.shapes()
    steps: list[StemStep] = []
    for one in stem:
        steps = [*steps, *_steps(one, shapes[one.inputs[0]][0])]
        steps = _folded(steps)
    moved = tuple(
        replace(one, inputs=tuple(INPUT if name == wanted else name for name in one.inputs))
        for one in rest
    )
    head = replace(draft, input_shape=shapes[wanted], layers=moved, standardize=None)
    return tuple(steps), head


def _steps(layer: Layer, channels: int) -> list[StemStep]:
    stride, padding = layer.sizes.get("stride", (1, 1)), layer.sizes.get("padding", (0, 0))
    if stride[0] != stride[1]:
        raise CompileError(
            f"layer {layer.name!r} has a stride of {stride[0]} × {stride[1]}, and a public stem "
            "has one stride both ways",
            hint="use --split",
        )
    if layer.op == "conv2d":
        weight = layer.arrays["weight"]
        bias = layer.arrays.get("bias", np.zeros(len(weight)))
        return [_convolution(weight, bias, stride[0], padding)]
    if layer.op == "batch_norm":
        factor = layer.arrays["weight"] / np.sqrt(layer.arrays["variance"] + layer.epsilon)
        weight = np.diag(factor)[:, :, None, None]
        bias = layer.arrays["bias"] - layer.arrays["mean"] * factor
        return [_convolution(weight, bias, 1, (0, 0))]
    if layer.op in ("average_pool", MAX_POOL):
        kernel = layer.sizes["kernel"]
        function = "max" if layer.op == MAX_POOL else "average"
        return [PublicPool(function, kernel[0], kernel[1], stride[0], padding[0], padding[1])]
    if layer.op == "polynomial" and layer.arrays["coefficients"].tolist() == [0.0, 0.0, 1.0]:
        return [PublicActivation("square")]
    if layer.op in FUNCTIONS:
        return [PublicActivation(layer.op)]
    raise CompileError(f"layer {layer.name!r} ({layer.op}) cannot be in a public stem", hint=_HINT)


def _convolution(
    weight: FloatArray, bias: FloatArray, stride: int, padding: tuple[int, int]
) -> PublicConvolution:
    outputs, inputs, height, width = weight.shape
    return PublicConvolution(
        inputs,
        outputs,
        height,
        width,
        stride,
        padding[0],
        padding[1],
        tuple(map(float, weight.reshape(-1))),
        tuple(map(float, bias)),
    )


def _folded(steps: list[StemStep]) -> list[StemStep]:
    """A 1 × 1 convolution without padding joins the convolution before it."""
    if len(steps) < 2:
        return steps
    first, second = steps[-2:]
    if not (isinstance(first, PublicConvolution) and isinstance(second, PublicConvolution)):
        return steps
    plain = (second.kernel_height, second.kernel_width, second.stride) == (1, 1, 1)
    if not plain or second.padding_height or second.padding_width:
        return steps
    shape = (first.out_channels, first.in_channels, first.kernel_height, first.kernel_width)
    outer = np.array(second.weight).reshape(second.out_channels, second.in_channels)
    weight = np.tensordot(outer, np.array(first.weight).reshape(shape), axes=1)
    bias = outer @ np.array(first.bias) + np.array(second.bias)
    padding = (first.padding_height, first.padding_width)
    return [*steps[:-2], _convolution(weight, bias, first.stride, padding)]
