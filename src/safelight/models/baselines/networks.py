"""The networks among the baselines: built by name, asked in the clear.

DenseNet121, ResNet-18 and the vision transformer are MONAI's, not pretrained. PyTorch's
convolutions halve a small image away, so images below `LEAST_SIDE` are enlarged before the two
deep convolutional ones; the transformer's patches are scaled to the image instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.circuit.outputs import Outputs, probabilities
from safelight.errors import InputError, RecordError
from safelight.models.baselines.baseline import Arrays, FloatArray
from safelight.models.training.architectures import Architecture, Convolution, Network

LEAST_SIDE = {"resnet18": 48, "densenet121": 32}
MOST_SIDE = 128
_BATCH = 256


def input_side(name: str, side: int) -> int:
    """Side of the square images that a network takes, where the data have ``side``."""
    return min(MOST_SIDE, max(side, LEAST_SIDE.get(name, 1)))


def build(name: str, input_shape: tuple[int, ...], outputs: int) -> nn.Module:
    """A fresh network with ``outputs`` logits.

    Args:
        name: One of `safelight.models.baselines.baseline.NETWORKS`.
        input_shape: Channels, height, width.
        outputs: Number of logits.

    Raises:
        InputError: An unknown name, not images, or MONAI is not installed.
    """
    if len(input_shape) != 3:
        raise InputError(f"the baseline {name!r} takes images, not records")
    channels, height, width = input_shape
    if name == "relu-twin":
        return Network(twin(input_shape, outputs), activation="relu")
    nets = _monai()
    if name == "resnet18":
        made = nets.resnet18(
            spatial_dims=2, n_input_channels=channels, conv1_t_stride=2, num_classes=outputs
        )
    elif name == "densenet121":
        made = nets.DenseNet121(spatial_dims=2, in_channels=channels, out_channels=outputs)
    elif name == "vit":
        patch = next((p for p in (4, 7, 8, 5, 16) if height % p == 0 and height // p <= 16), height)
        made = _FirstOutput(
            nets.ViT(
                in_channels=channels, img_size=(height, width), patch_size=(patch, patch),
                hidden_size=192, mlp_dim=384, num_layers=6, num_heads=6, dropout_rate=0.1,
                classification=True, num_classes=outputs, spatial_dims=2, post_activation=None,
            )
        )  # fmt: skip
    else:
        raise InputError(f"there is no network {name!r} among the baselines")
    network: nn.Module = made
    return network


def twin(input_shape: tuple[int, ...], outputs: int) -> Architecture:
    """The shape of ``cxr-pneumonia-28``, deeper for larger images; with ReLU it is the twin."""
    channels, side = input_shape[0], input_shape[1]
    first = Convolution(10 if channels == 1 else 16, 5, 2, 2)
    hidden = [first, Convolution(40, 3, 2, 1), Convolution(128, 3, 2, 1)]
    while side > 40:
        hidden.append(Convolution(128, 3, 2, 1))
        side //= 2
    return Architecture(input_shape, tuple(hidden), outputs=outputs, dropout=0.2)


def _monai() -> Any:
    try:
        import einops  # noqa: F401  its vision transformer asks for it when it is built
        from monai.networks import nets
    except ImportError as exc:
        raise InputError(
            "this baseline needs MONAI and einops, which are not installed",
            hint="pip install 'safelight[baselines]'",
        ) from exc
    return nets


class _FirstOutput(nn.Module):  # type: ignore[misc]
    """MONAI's transformer returns its hidden states as well."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        logits: Tensor = self.inner(images)[0]
        return logits


@dataclass(frozen=True)
class TorchPredictor:
    """A trained network, in evaluation mode.

    Args:
        network: Gives logits.
        outputs: Their meaning, with the temperature.
    """

    network: nn.Module
    outputs: Outputs

    def logits(self, inputs: FloatArray) -> FloatArray:
        """``[n, logits]``."""
        self.network.eval()
        with torch.no_grad():
            parts = [
                self.network(part).double().numpy()
                for part in torch.from_numpy(inputs).float().split(_BATCH)
            ]
        return np.concatenate(parts)

    def probabilities(self, inputs: FloatArray) -> FloatArray:
        """``[n, classes]``."""
        return probabilities(self.outputs, self.logits(inputs))

    @property
    def arrays(self) -> Arrays:
        """The network's state, by PyTorch's names."""
        return {name: value.numpy() for name, value in self.network.state_dict().items()}

    @property
    def options(self) -> Mapping[str, Any]:
        """Nothing else is needed: the shapes follow from name, input and classes."""
        return {}

    @property
    def parameter_count(self) -> int:
        """Trainable numbers."""
        return sum(each.numel() for each in self.network.parameters())

    @classmethod
    def rebuilt(
        cls, name: str, arrays: Arrays, input_shape: tuple[int, ...], outputs: Outputs
    ) -> TorchPredictor:
        """From `arrays`.

        Raises:
            RecordError: Arrays missing, too many, or of other shapes.
        """
        network = build(name, input_shape, outputs.logits)
        state = {key: _tensor(value) for key, value in arrays.items()}
        expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        if {key: tuple(value.shape) for key, value in state.items()} != expected:
            raise RecordError(f"the stored weights are not those of {name!r}")
        network.load_state_dict(state)
        return cls(network.eval(), outputs)


def _tensor(value: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.array(value, order="C"))
