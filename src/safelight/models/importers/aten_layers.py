"""ATen calls of layers: convolutions, matrices, norms, pooling, flattening."""

from __future__ import annotations

import math

from safelight.models.importers.aten_values import AtenValues, Handler, kind_of, two
from safelight.models.importers.origin import Origin
from safelight.models.importers.pt2_archive import AtenCall


def conv2d(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Two-dimensional; ``padding`` may be ``same``."""
    given = call.arguments
    if given.get("transposed"):
        raise origin.refused("is transposed", topic="enlarging")
    weight = values.weight(call, "weight", origin)
    dilation = two(given.get("dilation", 1))
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
        pads = [*two(padding), *two(padding)]
    return values.out.convolution(
        origin,
        source,
        weight,
        values.array(given.get("bias")),
        stride=two(given.get("stride", 1)),
        pads=pads,
        dilation=dilation,
        groups=int(given.get("groups", 1)),
    )


def linear(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``x Wᵀ + b``."""
    weight = values.weight(call, "weight", origin)
    return values.out.dense(origin, source, weight, values.array(call.arguments.get("bias")))


def addmm(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``b + x W``, what ``linear`` decomposes to."""
    source = values.values.get(call.arguments["mat1"].name, "")
    if not source:
        raise origin.refused(topic="product")
    weight = values.weight(call, "mat2", origin)
    return values.out.dense(origin, source, weight.T, values.weight(call, "self", origin))


def mm(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """``x W``."""
    second = next(k for k in ("mat2", "other") if k in call.arguments)
    return values.out.dense(origin, source, values.weight(call, second, origin).T, None)


def batch_norm(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """With the statistics of training."""
    given = call.arguments
    mean, variance = values.array(given["running_mean"]), values.array(given["running_var"])
    if mean is None or variance is None:
        raise origin.refused("keeps no statistics of training")
    weight, bias = values.array(given.get("weight")), values.array(given.get("bias"))
    return values.out.batch_norm(
        origin, source, weight, bias, mean, variance, float(given.get("eps", 1e-5))
    )


def avg_pool2d(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Average pooling."""
    given = call.arguments
    if given.get("divisor_override") is not None:
        raise origin.refused("has a divisor of its own", topic="pooling")
    kernel = two(given["kernel_size"])
    padding = two(given.get("padding", 0))
    return values.out.average_pool(
        origin,
        source,
        kernel=kernel,
        stride=two(given.get("stride") or kernel),
        pads=(*padding, *padding),
        ceil=bool(given.get("ceil_mode", False)),
        padding_counts=bool(given.get("count_include_pad", True)),
    )


def max_pool2d(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Max pooling, for a public part."""
    given = call.arguments
    kernel, padding = two(given["kernel_size"]), two(given.get("padding", 0))
    if two(given.get("dilation", 1)) != (1, 1):
        raise origin.refused("is dilated")
    return values.out.max_pool(
        origin,
        source,
        kernel=kernel,
        stride=two(given.get("stride") or kernel),
        pads=(*padding, *padding),
        ceil=bool(given.get("ceil_mode", False)),
    )


def adaptive_avg_pool2d(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Average pooling to a given size."""
    return values.out.adaptive_average(origin, source, two(call.arguments["output_size"]))


def mean(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """Over height and width."""
    dims = sorted(d % 4 for d in call.arguments.get("dim") or ())
    if len(values.out.shape(source)) != 3 or dims != [2, 3]:
        raise origin.refused("averages over other axes than height and width", topic="layout")
    result = values.out.adaptive_average(origin, source, (1, 1))
    return result if call.arguments.get("keepdim") else values.out.flatten(origin, result)


def flattened(values: AtenValues, call: AtenCall, origin: Origin, source: str) -> str:
    """A reshape to ``[batch, features]``, or one that changes nothing."""
    kind, given, shape = kind_of(call), call.arguments, values.out.shape(source)
    if kind == "flatten":
        start, end = given.get("start_dim", 0), given.get("end_dim", -1)
        if start == 1 and end in (-1, len(shape)):
            return values.out.flatten(origin, source)
    elif kind == "squeeze":
        if math.prod(shape) == shape[0]:
            return values.out.flatten(origin, source)
    else:
        sizes = given.get("size", given.get("shape", ()))
        # the batch is a name, −1, or the size that was exported
        if len(sizes) == 2 and sizes[1] in (-1, math.prod(shape)):
            return values.out.flatten(origin, source)
        if tuple(sizes[1:]) == shape:
            return source
    raise origin.refused(f"changes an input {list(shape)} other than by flattening it")


LAYERS: dict[str, Handler] = {
    "_adaptive_avg_pool2d": adaptive_avg_pool2d,
    "_native_batch_norm_legit_no_training": batch_norm,
    "_unsafe_view": flattened,
    "adaptive_avg_pool2d": adaptive_avg_pool2d,
    "addmm": addmm,
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "conv2d": conv2d,
    "convolution": conv2d,
    "flatten": flattened,
    "linear": linear,
    "matmul": mm,
    "max_pool2d": max_pool2d,
    "mean": mean,
    "mm": mm,
    "reshape": flattened,
    "squeeze": flattened,
    "view": flattened,
}
