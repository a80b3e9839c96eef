"""Layers of the circuit from the wider ones of PyTorch and ONNX, one call each.

Groups, dilation, padding of one side and concatenation have no layer of their own in the circuit,
and need none: they are convolutions with more zeros in their weights, and zeros cost nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Layer, Shape
from safelight.models.importers.convolution_weights import spread, symmetric, ungrouped
from safelight.models.importers.draft import MAX_POOL, Draft
from safelight.models.importers.origin import Origin, layer_name


@dataclass
class Assembly:
    """The layers so far; every method adds one or more and returns the name of the last."""

    name: str
    input_shape: Shape
    layers: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._shapes: dict[str, Shape] = {INPUT: self.input_shape}

    def shape(self, value: str) -> Shape:
        """Shape of a layer's output."""
        return self._shapes[value]

    def finish(self, output: str, final: str, notes: tuple[str, ...] = ()) -> Draft:
        """The draft of the layers that the output needs."""
        needed = {output}
        for layer in reversed(self.layers):
            if layer.name in needed:
                needed.update(layer.inputs)
        layers = tuple(layer for layer in self.layers if layer.name in needed)
        return Draft(self.name, self.input_shape, layers, final, notes=notes)

    def add_layer(self, layer: Layer) -> str:
        """Adds a layer under a name that no other has."""
        taken, name, count = self._shapes, layer.name, 1
        while name in taken:
            count += 1
            name = f"{layer.name}-{count}"
        layer = Layer(name, layer.op, layer.inputs, layer.arrays, layer.sizes, layer.epsilon)
        draft = Draft(self.name, self.input_shape, (*self.layers, layer))
        self._shapes[name] = draft.shapes()[name]
        self.layers.append(layer)
        return name

    def convolution(
        self,
        origin: Origin,
        source: str,
        weight: FloatArray,
        bias: FloatArray | None,
        *,
        stride: Sequence[int],
        pads: Sequence[int],
        dilation: Sequence[int] = (1, 1),
        groups: int = 1,
    ) -> str:
        """Two-dimensional; ``pads`` are top, left, bottom, right."""
        if weight.ndim != 4 or len(self.shape(source)) != 3:
            raise origin.refused("is not two-dimensional", topic="layout")
        weight = spread(ungrouped(weight, groups), dilation)
        weight, padding = symmetric(weight, pads)
        arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
        sizes = {"stride": _pair(stride), "padding": padding}
        return self._add(origin, "conv2d", (source,), arrays, sizes)

    def dense(
        self, origin: Origin, source: str, weight: FloatArray, bias: FloatArray | None
    ) -> str:
        """``weight`` ``[out, in]`` on flat features."""
        if len(self.shape(source)) != 1 or weight.ndim != 2:
            raise origin.refused(
                f"is a matrix on an input {list(self.shape(source))}, which is not flat",
                topic="layout",
            )
        arrays = {"weight": weight} | ({} if bias is None else {"bias": bias})
        return self._add(origin, "dense", (source,), arrays)

    def batch_norm(
        self,
        origin: Origin,
        source: str,
        weight: FloatArray | None,
        bias: FloatArray | None,
        mean: FloatArray,
        variance: FloatArray,
        epsilon: float,
    ) -> str:
        """With the statistics of training."""
        channels = len(mean)
        arrays = {
            "weight": np.ones(channels) if weight is None else weight,
            "bias": np.zeros(channels) if bias is None else bias,
            "mean": mean,
            "variance": variance,
        }
        return self._add(origin, "batch_norm", (source,), arrays, epsilon=epsilon)

    def scale_and_shift(
        self, origin: Origin, source: str, factor: FloatArray, shift: FloatArray
    ) -> str:
        """``factor · x + shift``; scalars, or one value a channel (or a feature)."""
        shape = self.shape(source)
        try:
            factor, shift = (_per_channel(value, shape) for value in (factor, shift))
        except ValueError:
            raise origin.refused("has a constant that differs within a channel") from None
        arrays = {"weight": factor, "bias": shift, "mean": np.zeros(shape[0])}
        arrays["variance"] = np.ones(shape[0])
        return self._add(origin, "batch_norm", (source,), arrays, epsilon=0.0)

    def average_pool(
        self,
        origin: Origin,
        source: str,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int] = (0, 0, 0, 0),
        ceil: bool = False,
        padding_counts: bool = True,
    ) -> str:
        """Average pooling; padding counts as zeros."""
        self._check_windows(origin, source, kernel, stride, pads, ceil)
        if any(pads) and not padding_counts:
            raise origin.refused(
                "leaves padding out of its averages (count_include_pad is off)",
                topic="pooling",
            )
        if pads[0] == pads[2] and pads[1] == pads[3]:
            sizes = {"kernel": _pair(kernel), "stride": _pair(stride)}
            sizes["padding"] = (pads[0], pads[1])
            return self._add(origin, "average_pool", (source,), {}, sizes)
        channels = self.shape(source)[0]
        weight = np.full((channels, 1, *kernel), 1.0 / math.prod(kernel))
        return self.convolution(
            origin, source, weight, None, stride=stride, pads=pads, groups=channels
        )

    def adaptive_average(self, origin: Origin, source: str, output: Sequence[int]) -> str:
        """Average pooling to an output size that divides the input's."""
        shape = self.shape(source)
        if len(shape) != 3:
            raise origin.refused("is not two-dimensional", topic="layout")
        if shape[1] % output[0] or shape[2] % output[1]:
            raise origin.refused(
                f"averages {shape[1]} × {shape[2]} to {output[0]} × {output[1]}, which does not "
                "divide it",
                topic="pooling",
            )
        kernel = (shape[1] // output[0], shape[2] // output[1])
        return self.average_pool(origin, source, kernel=kernel, stride=kernel)

    def max_pool(
        self,
        origin: Origin,
        source: str,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int],
        ceil: bool = False,
    ) -> str:
        """For a public part; refused later where it is not in one."""
        self._check_windows(origin, source, kernel, stride, pads, ceil)
        if pads[0] != pads[2] or pads[1] != pads[3]:
            raise origin.refused("pads one side only")
        sizes = {"kernel": _pair(kernel), "stride": _pair(stride), "padding": (pads[0], pads[1])}
        return self._add(origin, MAX_POOL, (source,), {}, sizes)

    def activation(self, origin: Origin, source: str, kind: str) -> str:
        """One of `ACTIVATIONS`."""
        return self._add(origin, kind, (source,), {})

    def power(self, origin: Origin, source: str, degree: int) -> str:
        """``x^degree``, exactly."""
        coefficients = np.zeros(degree + 1)
        coefficients[degree] = 1.0
        return self._add(origin, "polynomial", (source,), {"coefficients": coefficients})

    def sum(self, origin: Origin, left: str, right: str) -> str:
        """Of two values of the same shape."""
        if self.shape(left) != self.shape(right):
            raise origin.refused(
                f"adds {list(self.shape(left))} and {list(self.shape(right))}", topic="layout"
            )
        return self._add(origin, "add", (left, right), {})

    def concatenation(self, origin: Origin, parts: Sequence[str]) -> str:
        """Along the channels: a sum of embeddings, which fold into their neighbours."""
        shapes = [self.shape(part) for part in parts]
        total = sum(shape[0] for shape in shapes)
        result, start = "", 0
        for part, shape in zip(parts, shapes, strict=True):
            matrix = np.eye(total)[:, start : start + shape[0]]
            start += shape[0]
            if len(shape) == 3:
                placed = self.convolution(
                    origin, part, matrix[:, :, None, None], None, stride=(1, 1), pads=(0, 0, 0, 0)
                )
            else:
                placed = self.dense(origin, part, matrix, None)
            result = self.sum(origin, result, placed) if result else placed
        return result

    def flatten(self, origin: Origin, source: str) -> str:
        """In C order; nothing to do for what is flat."""
        if len(self.shape(source)) == 1:
            return source
        return self._add(origin, "flatten", (source,), {})

    def _add(
        self,
        origin: Origin,
        op: str,
        inputs: tuple[str, ...],
        arrays: dict[str, FloatArray],
        sizes: dict[str, tuple[int, int]] | None = None,
        epsilon: float = 1e-5,
    ) -> str:
        exact = {role: np.asarray(value, dtype=np.float64) for role, value in arrays.items()}
        return self.add_layer(
            Layer(layer_name(origin.name), op, inputs, exact, sizes or {}, epsilon)
        )

    def _check_windows(
        self,
        origin: Origin,
        source: str,
        kernel: Sequence[int],
        stride: Sequence[int],
        pads: Sequence[int],
        ceil: bool,
    ) -> None:
        shape = self.shape(source)
        if len(shape) != 3 or len(kernel) != 2:
            raise origin.refused("is not two-dimensional", topic="layout")
        rests = [
            (shape[1 + axis] + pads[axis] + pads[axis + 2] - kernel[axis]) % stride[axis]
            for axis in (0, 1)
        ]
        if ceil and any(rests):
            raise origin.refused("pools windows that are not full (ceil_mode)", topic="pooling")


def _pair(values: Sequence[int]) -> tuple[int, int]:
    return int(values[0]), int(values[1])


def _per_channel(value: FloatArray, shape: Shape) -> FloatArray:
    """A constant that broadcasts to ``[batch, *shape]``, as one value a channel.

    Raises:
        ValueError: It differs within a channel.
    """
    full = np.broadcast_to(value, np.broadcast_shapes(np.shape(value), (1, *shape)))[0]
    rows = full.reshape(shape[0], -1)
    if full.shape != shape or (rows != rows[:, :1]).any():
        raise ValueError
    return np.array(rows[:, 0], dtype=np.float64)
