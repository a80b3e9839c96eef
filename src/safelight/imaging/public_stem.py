"""A model's public part in NumPy: its first layers, computed in the clear at the clinic.

The weights stand in the signature, so everyone who may ask for the model sees them; what follows
them is encrypted. docs/concepts/split-models.md says what that gives and costs. Sums may be added
in any order: their rounding lies far below that of the encryption.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import ClassVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from safelight.errors import ImageError, MalformedError
from safelight.imaging.image import Pixels

MAX_CHANNELS = 512
MAX_KERNEL = 31
MAX_STRIDE = 16
MAX_STEM_PRODUCTS = 2**28
"""Multiplications of one layer: a second or so; a signature that asks for more is not ours."""

POOLS = ("average", "max")


def _sigmoid(x: Pixels) -> Pixels:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


FUNCTIONS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "sigmoid": _sigmoid,
    "silu": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
    "square": np.square,
}
"""What a client of any language has."""


@dataclass(frozen=True)
class PublicConvolution:
    """Cross-correlation with zero padding, as PyTorch's Conv2d, and a bias.

    Args:
        in_channels: Channels that it takes.
        out_channels: Channels that it gives.
        kernel_height: Rows of the kernel.
        kernel_width: Columns.
        stride: Both ways.
        padding_height: Rows of zeros above and below.
        padding_width: Columns of zeros left and right.
        weight: ``[out, in, height, width]`` in C order.
        bias: One for each output channel.
    """

    in_channels: int
    out_channels: int
    kernel_height: int
    kernel_width: int
    stride: int
    padding_height: int
    padding_width: int
    weight: tuple[float, ...]
    bias: tuple[float, ...]
    NAME: ClassVar[str] = "public_convolution"

    def __post_init__(self) -> None:
        _check_windows(self.NAME, self)
        if not (0 < self.in_channels <= MAX_CHANNELS and 0 < self.out_channels <= MAX_CHANNELS):
            raise MalformedError(f"{self.NAME} has channels outside 1 … {MAX_CHANNELS}")
        if len(self.bias) != self.out_channels or len(self.weight) != math.prod(self._shape):
            raise MalformedError(f"{self.NAME} has another number of weights than its sizes say")
        if not np.isfinite([*self.weight, *self.bias]).all():
            raise MalformedError(f"{self.NAME} has a weight that is not a finite number")

    @property
    def _shape(self) -> tuple[int, int, int, int]:
        return self.out_channels, self.in_channels, self.kernel_height, self.kernel_width

    @property
    def does(self) -> str:
        """In words, for people."""
        return (
            f"convolution {self.kernel_height}×{self.kernel_width} from {self.in_channels} to "
            f"{self.out_channels} channels, stride {self.stride}"
        )

    def apply(self, planes: Pixels) -> Pixels:
        """``[in, H, W]`` to ``[out, H′, W′]``."""
        if planes.ndim != 3 or planes.shape[0] != self.in_channels:
            raise ImageError(
                f"the public part takes {self.in_channels} channels and gets {list(planes.shape)}"
            )
        windows = _windows(planes, self, 0.0)
        if self.out_channels * windows.size > MAX_STEM_PRODUCTS:
            raise ImageError(
                f"the public part asks for {self.out_channels * windows.size} multiplications, "
                f"above {MAX_STEM_PRODUCTS}"
            )
        weight = np.array(self.weight).reshape(self._shape)
        sums = np.tensordot(weight, windows, axes=((1, 2, 3), (0, 3, 4)))
        return np.asarray(sums + np.array(self.bias)[:, np.newaxis, np.newaxis])


@dataclass(frozen=True)
class PublicPool:
    """The average or the largest value of each window; padding is zeros, or nothing for ``max``."""

    function: str
    kernel_height: int
    kernel_width: int
    stride: int
    padding_height: int
    padding_width: int
    NAME: ClassVar[str] = "public_pool"

    def __post_init__(self) -> None:
        _check_windows(self.NAME, self)
        if self.function not in POOLS:
            raise MalformedError(f"{self.NAME} is neither of {', '.join(POOLS)}")
        if 2 * self.padding_height > self.kernel_height or (
            2 * self.padding_width > self.kernel_width
        ):
            raise MalformedError(f"{self.NAME} has padding above half of its window")

    @property
    def does(self) -> str:
        """In words, for people."""
        return f"{self.function} pooling {self.kernel_height}×{self.kernel_width}"

    def apply(self, planes: Pixels) -> Pixels:
        """``[C, H, W]`` to ``[C, H′, W′]``."""
        largest = self.function == "max"
        windows = _windows(planes, self, -np.inf if largest else 0.0)
        axes = (-2, -1)
        return np.asarray(windows.max(axis=axes) if largest else windows.mean(axis=axes))


@dataclass(frozen=True)
class PublicActivation:
    """One of `FUNCTIONS`, on each value."""

    function: str
    NAME: ClassVar[str] = "public_activation"

    def __post_init__(self) -> None:
        if self.function not in FUNCTIONS:
            raise MalformedError(f"{self.NAME} is none of {', '.join(FUNCTIONS)}")

    @property
    def does(self) -> str:
        """In words, for people."""
        return self.function

    def apply(self, planes: Pixels) -> Pixels:
        """The shape stays."""
        return FUNCTIONS[self.function](planes)


StemStep = PublicConvolution | PublicPool | PublicActivation
STEM_STEPS = (PublicConvolution, PublicPool, PublicActivation)


def stem_digest(steps: tuple[StemStep, ...]) -> str:
    """SHA-256 in hex over the steps as canonical JSON."""
    listed = [
        {"step": step.NAME, **{field.name: getattr(step, field.name) for field in fields(step)}}
        for step in steps
    ]
    text = json.dumps(listed, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_windows(name: str, step: PublicConvolution | PublicPool) -> None:
    kernel = (step.kernel_height, step.kernel_width)
    padding = (step.padding_height, step.padding_width)
    ok = all(1 <= size <= MAX_KERNEL for size in kernel) and 1 <= step.stride <= MAX_STRIDE
    if not ok or not all(0 <= size < MAX_KERNEL for size in padding):
        raise MalformedError(f"{name} has a window, stride or padding out of range")


def _windows(planes: Pixels, step: PublicConvolution | PublicPool, edge: float) -> Pixels:
    """``[C, H′, W′, kernel height, kernel width]``."""
    if planes.ndim != 3:
        raise ImageError(f"the public part takes an image and gets {list(planes.shape)}")
    rows, columns = step.padding_height, step.padding_width
    padded = np.pad(planes, ((0, 0), (rows, rows), (columns, columns)), constant_values=edge)
    kernel = (step.kernel_height, step.kernel_width)
    if padded.shape[1] < kernel[0] or padded.shape[2] < kernel[1]:
        raise ImageError(f"the public part's window is larger than an image {list(planes.shape)}")
    windows = sliding_window_view(padded, kernel, axis=(1, 2))
    return windows[:, :: step.stride, :: step.stride]
