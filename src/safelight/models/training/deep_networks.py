"""Deep networks by name, with weights from an ``.npz`` file: no pickle, no code from a file."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from safelight.errors import CompileError

ARCHITECTURES = ("densenet121", "resnet18", "resnet50", "vit")
_MAX_BYTES = 2 << 30


def build_network(architecture: str, input_shape: tuple[int, ...], logits: int) -> nn.Module:
    """An untrained network of MONAI.

    Args:
        architecture: One of `ARCHITECTURES`.
        input_shape: ``(channels, height, width)``.
        logits: Outputs.

    Raises:
        CompileError: No such architecture.
        ImportError: MONAI is not installed.
    """
    if architecture not in ARCHITECTURES or len(input_shape) != 3:
        raise CompileError(
            f"there is no architecture {architecture!r} for inputs of {len(input_shape)} axes",
            hint=f"one of {', '.join(ARCHITECTURES)}",
        )
    nets: Any = importlib.import_module("monai.networks.nets")
    channels, height, width = input_shape
    if architecture == "densenet121":
        return _module(nets.DenseNet121(spatial_dims=2, in_channels=channels, out_channels=logits))
    if architecture == "vit":
        return _Logits(
            nets.ViT(
                in_channels=channels,
                img_size=(height, width),
                patch_size=(16, 16) if min(height, width) >= 64 else (4, 4),
                spatial_dims=2,
                classification=True,
                num_classes=logits,
                post_activation="none",
            )
        )
    make: Any = {"resnet18": nets.resnet18, "resnet50": nets.resnet50}[architecture]
    return _module(make(spatial_dims=2, n_input_channels=channels, num_classes=logits))


def load_network(
    architecture: str, weights: Path, input_shape: tuple[int, ...], logits: int
) -> nn.Module:
    """A network with its weights, ready to run.

    Raises:
        CompileError: The file is not one of weights of this network.
    """
    network = build_network(architecture, input_shape, logits)
    try:
        with zipfile.ZipFile(weights) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > _MAX_BYTES:
            raise CompileError(f"weights of {size} bytes, above {_MAX_BYTES}")
        with np.load(weights, allow_pickle=False) as archive_:
            state = {name: torch.from_numpy(archive_[name].copy()) for name in archive_.files}
        network.load_state_dict(state, strict=True)
    except (OSError, ValueError, KeyError, RuntimeError, zipfile.BadZipFile) as exc:
        raise CompileError(f"not weights of a {architecture} ({type(exc).__name__})") from exc
    return network.eval()


def save_weights(network: nn.Module, path: Path) -> None:
    """Writes a network's weights as `load_network` reads them."""
    arrays = {name: value.detach().cpu().numpy() for name, value in network.state_dict().items()}
    np.savez(path, **arrays)


class _Logits(nn.Module):  # type: ignore[misc]
    """MONAI's ViT also gives its hidden states: only the logits are wanted."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits ``[records, logits]``."""
        logits: torch.Tensor = self.network(inputs)[0]
        return logits


def _module(network: Any) -> nn.Module:
    module: nn.Module = network
    return module
