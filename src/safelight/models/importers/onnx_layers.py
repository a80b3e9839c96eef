"""ONNX nodes of layers: convolutions, matrices, norms, pooling, flattening."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from safelight.circuit.graph import INPUT
from safelight.models.importers.onnx_file import OnnxCall
from safelight.models.importers.onnx_values import Handler, OnnxValues
from safelight.models.importers.origin import Origin


def conv(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Two-dimensional."""
    weight = values.constant(call, 1, origin)
    if weight.ndim != 4:
        raise origin.refused("is not two-dimensional", topic="layout")
    dilation = call.attributes.get("dilations", (1, 1))
    stride = call.attributes.get("strides", (1, 1))
    reach = [(size - 1) * d + 1 for size, d in zip(weight.shape[2:], dilation, strict=True)]
    return values.out.convolution(
        origin,
        source,
        weight,
        values.optional(call, 2, origin),
        stride=stride,
        pads=_pads(values, call, origin, source, reach, stride),
        dilation=dilation,
        groups=int(call.attributes.get("group", 1)),
    )


def _pads(
    values: OnnxValues,
    call: OnnxCall,
    origin: Origin,
    source: str,
    reach: Sequence[int],
    stride: Any,
) -> Sequence[int]:
    """Top, left, bottom, right."""
    automatic = call.attributes.get("auto_pad", "NOTSET")
    if automatic == "NOTSET":
        return tuple(call.attributes.get("pads", (0, 0, 0, 0)))
    if automatic == "VALID":
        return (0, 0, 0, 0)
    before, after = [], []
    for axis, size in enumerate(values.out.shape(source)[1:]):
        count = math.ceil(size / stride[axis])
        total = max((count - 1) * stride[axis] + reach[axis] - size, 0)
        small, large = total // 2, total - total // 2
        before.append(small if automatic == "SAME_UPPER" else large)
        after.append(large if automatic == "SAME_UPPER" else small)
    return (*before, *after)


def gemm(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """``α·x W + β·b``."""
    given = call.attributes
    if given.get("transA", 0) or not source:
        raise origin.refused("is transposed, or its first matrix is constant", topic="layout")
    weight = values.constant(call, 1, origin) * float(given.get("alpha", 1.0))
    weight = weight if given.get("transB", 0) else weight.T
    bias = values.optional(call, 2, origin)
    if bias is not None:
        bias = np.broadcast_to(bias * float(given.get("beta", 1.0)), (1, len(weight)))[0]
    return values.out.dense(origin, source, weight, bias)


def matmul(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """``x W``."""
    if not source:
        raise origin.refused("has an encrypted second matrix", topic="product")
    return values.out.dense(origin, source, values.constant(call, 1, origin).T, None)


def batch_normalization(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """With the statistics of training."""
    if call.attributes.get("training_mode", 0):
        raise origin.refused("is in training mode")
    scale, shift, mean, variance = (values.constant(call, k, origin) for k in range(1, 5))
    epsilon = float(call.attributes.get("epsilon", 1e-5))
    return values.out.batch_norm(origin, source, scale, shift, mean, variance, epsilon)


def average_pool(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Average pooling."""
    kernel = call.attributes["kernel_shape"]
    stride = call.attributes.get("strides", (1,) * len(kernel))
    return values.out.average_pool(
        origin,
        source,
        kernel=kernel,
        stride=stride,
        pads=_pads(values, call, origin, source, kernel, stride),
        ceil=bool(call.attributes.get("ceil_mode", 0)),
        padding_counts=bool(call.attributes.get("count_include_pad", 0)),
    )


def max_pool(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Max pooling, for a public part."""
    kernel = call.attributes["kernel_shape"]
    stride = call.attributes.get("strides", (1,) * len(kernel))
    return values.out.max_pool(
        origin,
        source,
        kernel=kernel,
        stride=stride,
        pads=_pads(values, call, origin, source, kernel, stride),
        ceil=bool(call.attributes.get("ceil_mode", 0)),
    )


def global_average_pool(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """The average of each channel."""
    return values.out.adaptive_average(origin, source, (1, 1))


def reduce_mean(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Over height and width."""
    axes = call.attributes.get("axes")
    if axes is None and len(call.inputs) > 1:
        axes = values.constant(call, 1, origin).astype(int).tolist()
    if len(values.out.shape(source)) != 3 or sorted(a % 4 for a in axes or ()) != [2, 3]:
        raise origin.refused("averages over other axes than height and width", topic="layout")
    result = values.out.adaptive_average(origin, source, (1, 1))
    return result if call.attributes.get("keepdims", 1) else values.out.flatten(origin, result)


def flatten(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """From the first axis."""
    if call.attributes.get("axis", 1) != 1:
        raise origin.refused("flattens from another axis than the first", topic="layout")
    return values.out.flatten(origin, source)


def reshape(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """To ``[batch, features]``, or one that changes nothing."""
    shape = values.out.shape(source)
    target = [int(size) for size in values.constant(call, 1, origin)]
    copied = (values.batch, *shape)
    if not call.attributes.get("allowzero", 0):
        target = [
            copied[k] if size == 0 and k < len(copied) else size for k, size in enumerate(target)
        ]
    if len(target) == 2 and target[1] in (-1, math.prod(shape)):
        return values.out.flatten(origin, source)
    if tuple(target[1:]) == shape:
        return source
    raise origin.refused(f"changes an input {list(shape)} other than by flattening it")


def squeeze(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Of axes of size one."""
    shape = values.out.shape(source)
    if math.prod(shape) == shape[0]:
        return values.out.flatten(origin, source)
    raise origin.refused(f"changes an input {list(shape)}", topic="layout")


def transpose(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Refused: tensors keep their layout."""
    why = "reorders the axes"
    if source == INPUT and tuple(call.attributes.get("perm", ())) == (0, 3, 1, 2):
        why = "takes images with the channels last"
    raise origin.refused(why, topic="layout")


def concat(values: OnnxValues, call: OnnxCall, origin: Origin, source: str) -> str:
    """Along the channels."""
    if call.attributes["axis"] != 1 or any(name not in values.values for name in call.inputs):
        raise origin.refused("joins along another axis than the channels", topic="layout")
    return values.out.concatenation(origin, [values.values[name] for name in call.inputs])


LAYERS: dict[str, Handler] = {
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Concat": concat,
    "Conv": conv,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_average_pool,
    "MatMul": matmul,
    "MaxPool": max_pool,
    "ReduceMean": reduce_mean,
    "Reshape": reshape,
    "Squeeze": squeeze,
    "Transpose": transpose,
}
