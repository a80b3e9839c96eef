"""Networks that can run encrypted: affine maps and quadratics in turn, and their ReLU twins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor, nn

from safelight.errors import InputError
from safelight.models.training.quadratic import Quadratic

Norm = Literal["batch", "none"]


@dataclass(frozen=True)
class Convolution:
    """A convolution with a square kernel, followed by batch norm and an activation."""

    channels: int
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True)
class Residual:
    """Two 3×3 convolutions around an activation, added to a shortcut, and an activation.

    **Cost**: two squares; the shortcut costs an affine map where it changes channels or size.
    """

    channels: int
    stride: int = 1


@dataclass(frozen=True)
class Dense:
    """A dense layer, followed by batch norm and an activation."""

    features: int


Hidden = Convolution | Residual | Dense


@dataclass(frozen=True)
class Architecture:
    """A chain of hidden layers and one dense layer to the logits.

    **Cost**: each convolution or dense layer is one affine map and one square in the encrypted
    program, the last layer one affine map: 2·len(hidden) + 1 multiplications in a row, two more
    for each residual block. Without hidden layers it is logistic regression.

    Args:
        input_shape: Channels, height, width; or features of a record.
        hidden: In order; dense layers come last.
        outputs: Number of logits.
        dropout: Share of features dropped before the last layer while training.
        average: Whether each channel is averaged over the image before the last layer.
        norm: ``batch``, or ``none`` where examples must not see one another (privacy).
    """

    input_shape: tuple[int, ...]
    hidden: tuple[Hidden, ...]
    outputs: int = 1
    dropout: float = 0.0
    average: bool = False
    norm: Norm = "batch"

    def answering(self, outputs: int) -> Architecture:
        """The same with another number of logits."""
        return replace(self, outputs=outputs)

    def widths(self) -> list[int]:
        """Numbers after each hidden layer: each must fit the slots of a ciphertext.

        Raises:
            InputError: A layer that does not fit what it reads.
        """
        shape, found = self.input_shape, []
        for position, layer in enumerate(self.hidden, start=1):
            shape = _after(layer, shape, position)
            found.append(_size(shape))
        return found


class Network(nn.Module):  # type: ignore[misc]
    """A network of one `Architecture`, with quadratics or, as its twin, with ReLU.

    Args:
        architecture: What to build.
        activation: ``"quadratic"`` or ``"relu"``.
    """

    def __init__(self, architecture: Architecture, *, activation: str = "quadratic") -> None:
        super().__init__()
        architecture.widths()
        self.architecture = architecture
        self._activation = activation
        shape = architecture.input_shape
        layers: list[nn.Module] = []
        for position, layer in enumerate(architecture.hidden, start=1):
            if isinstance(layer, Convolution):
                layers += self._convolution(shape[0], layer)
                layers.append(self._active(layer.channels))
            elif isinstance(layer, Residual):
                layers.append(ResidualQuadratic(shape[0], layer, architecture.norm, activation))
            else:
                if len(shape) > 1:
                    layers.append(nn.Flatten())
                bias = architecture.norm == "none"
                layers.append(nn.Linear(_size(shape), layer.features, bias=bias))
                if not bias:
                    layers.append(nn.BatchNorm1d(layer.features))
                layers.append(self._active(layer.features))
            shape = _after(layer, shape, position)
        if architecture.average and len(shape) > 1:
            layers.append(nn.AvgPool2d((shape[1], shape[2])))
            shape = (shape[0], 1, 1)
        if len(shape) > 1:
            layers.append(nn.Flatten())
        layers.append(nn.Dropout(architecture.dropout))
        layers.append(nn.Linear(_size(shape), architecture.outputs))
        self.layers = nn.Sequential(*layers)

    def _active(self, channels: int) -> nn.Module:
        return Quadratic(channels) if self._activation == "quadratic" else nn.ReLU()

    def _convolution(self, channels: int, layer: Convolution) -> list[nn.Module]:
        return convolution(
            channels, layer.channels, layer.kernel, layer.stride, layer.padding,
            self.architecture.norm,
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, channels, height, width]``."""
        logits: Tensor = self.layers(images)
        return logits

    def quadratics(self) -> Iterator[Quadratic]:
        """The activations, in the order in which they run."""
        return (layer for layer in self.modules() if isinstance(layer, Quadratic))


class ResidualQuadratic(nn.Module):  # type: ignore[misc]
    """A `Residual` block.

    Args:
        channels: Of the input.
        layer: What to build.
        norm: As of the architecture.
        activation: As of the network.
    """

    def __init__(self, channels: int, layer: Residual, norm: Norm, activation: str) -> None:
        super().__init__()
        width, stride = layer.channels, layer.stride

        def active() -> nn.Module:
            return Quadratic(width) if activation == "quadratic" else nn.ReLU()

        self.main = nn.Sequential(
            *convolution(channels, width, 3, stride, 1, norm),
            active(),
            *convolution(width, width, 3, 1, 1, norm),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(*convolution(channels, width, 1, stride, 0, norm))
        self.last = active()

    def forward(self, images: Tensor) -> Tensor:
        """``[batch, width, height/stride, width/stride]``."""
        result: Tensor = self.last(self.main(images) + self.shortcut(images))
        return result


def convolution(
    channels: int, width: int, kernel: int, stride: int, padding: int, norm: Norm
) -> list[nn.Module]:
    """A convolution and its batch norm; with a bias of its own where there is none."""
    bias = norm == "none"
    layer = nn.Conv2d(channels, width, kernel, stride=stride, padding=padding, bias=bias)
    return [layer] if bias else [layer, nn.BatchNorm2d(width)]


def _after(layer: Hidden, shape: tuple[int, ...], position: int) -> tuple[int, ...]:
    if isinstance(layer, Dense):
        return (layer.features,)
    if len(shape) != 3:
        raise InputError(
            f"hidden layer {position} is a convolution, but it reads {_size(shape)} plain numbers",
            hint="put convolutions before dense layers, and give images",
        )
    kernel, stride, padding = 3, layer.stride, 1
    if isinstance(layer, Convolution):
        kernel, padding = layer.kernel, layer.padding
    sides = tuple((side + 2 * padding - kernel) // stride + 1 for side in shape[1:])
    if min(sides) < 1:
        raise InputError(f"hidden layer {position} leaves no pixels of {shape[1]}×{shape[2]}")
    return (layer.channels, *sides)


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
