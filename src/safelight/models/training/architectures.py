"""Networks that can run encrypted: affine maps and quadratics in turn, and their ReLU twins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from safelight.models.training.quadratic import Quadratic


@dataclass(frozen=True)
class Convolution:
    """A convolution with a square kernel, followed by batch norm and an activation."""

    channels: int
    kernel: int
    stride: int
    padding: int


@dataclass(frozen=True)
class Dense:
    """A dense layer, followed by batch norm and an activation."""

    features: int


@dataclass(frozen=True)
class Architecture:
    """A chain of hidden layers and one dense layer to the logits.

    **Cost**: each hidden layer is one affine map and one square in the encrypted program, the
    last layer one affine map: 2·len(hidden) + 1 multiplications in a row.

    Args:
        input_shape: Channels, height, width.
        hidden: In order; convolutions come before dense layers.
        outputs: Number of logits.
        dropout: Share of features dropped before the last layer while training.
    """

    input_shape: tuple[int, int, int]
    hidden: tuple[Convolution | Dense, ...]
    outputs: int = 1
    dropout: float = 0.0


class Network(nn.Module):  # type: ignore[misc]
    """A network of one `Architecture`, with quadratics or, as its twin, with ReLU.

    Args:
        architecture: What to build.
        activation: ``"quadratic"`` or ``"relu"``.
    """

    def __init__(self, architecture: Architecture, *, activation: str = "quadratic") -> None:
        super().__init__()
        self.architecture = architecture
        channels, height, width = architecture.input_shape
        features = channels * height * width
        layers: list[nn.Module] = []
        flat = False
        for layer in architecture.hidden:
            if isinstance(layer, Convolution):
                layers.append(
                    nn.Conv2d(
                        channels,
                        layer.channels,
                        layer.kernel,
                        stride=layer.stride,
                        padding=layer.padding,
                        bias=False,
                    )
                )
                layers.append(nn.BatchNorm2d(layer.channels))
                height, width = (
                    (size + 2 * layer.padding - layer.kernel) // layer.stride + 1
                    for size in (height, width)
                )
                channels, features = layer.channels, layer.channels * height * width
            else:
                if not flat:
                    layers.append(nn.Flatten())
                    flat = True
                layers.append(nn.Linear(features, layer.features, bias=False))
                layers.append(nn.BatchNorm1d(layer.features))
                channels = features = layer.features
            layers.append(Quadratic(channels) if activation == "quadratic" else nn.ReLU())
        if not flat:
            layers.append(nn.Flatten())
        layers.append(nn.Dropout(architecture.dropout))
        layers.append(nn.Linear(features, architecture.outputs))
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """Logits ``[batch, outputs]`` of images ``[batch, channels, height, width]``."""
        logits: Tensor = self.layers(images)
        return logits

    def quadratics(self) -> Iterator[Quadratic]:
        """The activations, first to last."""
        return (layer for layer in self.layers if isinstance(layer, Quadratic))
