"""A trained network to the shipped form: ``model.json`` and ``weights.npz``, batch norm folded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from safelight.models.training.architectures import Network, ResidualQuadratic
from safelight.models.training.quadratic import Quadratic

FORMAT = "safelight-model-1"


@dataclass(frozen=True)
class ExportedGraph:
    """The layers of a network in the shipped form.

    Args:
        nodes: As in ``model.json``.
        weights: As in ``weights.npz``: float32.
        ranges: Interval of the input of each polynomial.
        output: Name of the last node.
    """

    nodes: list[dict[str, Any]]
    weights: dict[str, NDArray[np.float32]]
    ranges: dict[str, list[float]]
    output: str


def export_graph(network: Network, ranges: Mapping[int, tuple[float, float]]) -> ExportedGraph:
    """Folds each batch norm into the affine map before it and names the layers.

    Args:
        network: Trained, with quadratics.
        ranges: For the first, second, … quadratic (from 0) the interval of its input.
    """
    writer = _Writer(ranges)
    last = writer.chain(list(network.layers), "input", outermost=True)
    return ExportedGraph(writer.nodes, writer.weights, writer.ranges, last)


class _Writer:
    """Writes layers in the order in which they run; the number of quadratics so far names them."""

    def __init__(self, calibrated: Mapping[int, tuple[float, float]]) -> None:
        self.calibrated = calibrated
        self.nodes: list[dict[str, Any]] = []
        self.weights: dict[str, NDArray[np.float32]] = {}
        self.ranges: dict[str, list[float]] = {}
        self.count = 0

    def chain(
        self, layers: list[nn.Module], previous: str, *, outermost: bool = False, suffix: str = ""
    ) -> str:
        """Writes layers one after the other; returns the name of the last node."""
        layers = [layer for layer in layers if not isinstance(layer, nn.Dropout)]
        for position, layer in enumerate(layers):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                following = layers[position + 1] if position + 1 < len(layers) else None
                name = f"{'conv' if isinstance(layer, nn.Conv2d) else 'dense'}{self.count + 1}"
                if outermost and following is None:
                    name = "logit"
                previous = self._affine(layer, following, name + suffix, previous)
            elif isinstance(layer, Quadratic):
                previous = self._quadratic(layer, previous)
            elif isinstance(layer, ResidualQuadratic):
                previous = self._residual(layer, previous)
            elif isinstance(layer, nn.AvgPool2d):
                kernel = _pair(layer.kernel_size)
                node = {"name": "average", "op": "average_pool", "inputs": [previous]}
                self.nodes.append(node | {"kernel": kernel, "stride": kernel})
                previous = "average"
            elif isinstance(layer, nn.Flatten):
                self.nodes.append({"name": "flatten", "op": "flatten", "inputs": [previous]})
                previous = "flatten"
            # batch norm is folded into the layer before it
        return previous

    def _affine(
        self, layer: nn.Conv2d | nn.Linear, norm: nn.Module | None, name: str, previous: str
    ) -> str:
        convolution = isinstance(layer, nn.Conv2d)
        node: dict[str, Any] = {"name": name, "op": "conv2d" if convolution else "dense"}
        self.weights[f"{name}.weight"], self.weights[f"{name}.bias"] = _folded(layer, norm)
        node |= {"inputs": [previous], "weight": f"{name}.weight", "bias": f"{name}.bias"}
        if isinstance(layer, nn.Conv2d):
            node |= {"stride": list(layer.stride), "padding": [int(p) for p in layer.padding]}
        self.nodes.append(node)
        return name

    def _quadratic(self, layer: Quadratic, previous: str) -> str:
        name = f"square{self.count + 1}"
        self.weights[f"{name}.coefficients"] = (
            layer.coefficients().detach().numpy().astype(np.float32)
        )
        node = {"name": name, "op": "polynomial", "inputs": [previous]}
        self.nodes.append(node | {"coefficients": f"{name}.coefficients"})
        if self.count in self.calibrated:
            self.ranges[name] = [round(bound, 3) for bound in self.calibrated[self.count]]
        self.count += 1
        return name

    def _residual(self, block: ResidualQuadratic, previous: str) -> str:
        main = self.chain(list(block.main), previous)
        shortcut = self.chain(list(block.shortcut), previous, suffix=".shortcut")
        name = f"add{self.count + 1}"
        self.nodes.append({"name": name, "op": "add", "inputs": [main, shortcut]})
        return self._quadratic_of(block.last, name)

    def _quadratic_of(self, layer: nn.Module, previous: str) -> str:
        assert isinstance(layer, Quadratic)
        return self._quadratic(layer, previous)


def _pair(value: int | tuple[int, int]) -> list[int]:
    return [value, value] if isinstance(value, int) else [int(side) for side in value]


def _folded(
    layer: nn.Conv2d | nn.Linear, norm: nn.Module | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weight and bias of an affine map followed by a batch norm, as one affine map."""
    weight = layer.weight.detach().double()
    bias = torch.zeros(len(weight)).double() if layer.bias is None else layer.bias.detach().double()
    if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        factor = norm.weight.detach().double() / torch.sqrt(variance.double() + norm.eps)
        bias = (bias - mean.double()) * factor + norm.bias.detach().double()
        weight = weight * factor.view(-1, *(1,) * (weight.dim() - 1))
    return weight.numpy().astype(np.float32), bias.numpy().astype(np.float32)


def observed_ranges(network: Network, batches: list[Tensor]) -> dict[int, tuple[float, float]]:
    """Smallest and largest input of each quadratic over normalised batches."""
    network.eval()
    quadratics = list(network.quadratics())
    for quadratic in quadratics:
        quadratic.start_recording()
    with torch.no_grad():
        for batch in batches:
            for part in batch.split(512):
                network(part)
    for quadratic in quadratics:
        quadratic.recording = False
    return {k: (q.lowest, q.highest) for k, q in enumerate(quadratics)}


def widened(
    ranges: Mapping[int, tuple[float, float]], margin: float
) -> dict[int, tuple[float, float]]:
    """Each interval stretched about its middle by ``margin``."""
    result = {}
    for key, (low, high) in ranges.items():
        middle, half = (low + high) / 2, margin * (high - low) / 2
        result[key] = (middle - half, middle + half)
    return result


def write_model(
    folder: Path, model: Mapping[str, Any], weights: Mapping[str, NDArray[Any]]
) -> None:
    """Writes ``model.json`` and ``weights.npz`` (no pickle; the same bytes for the same input).

    Args:
        folder: Made where it is missing.
        model: The description; JSON values only.
        weights: Arrays by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(model, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")
    np.savez_compressed(folder / "weights.npz", allow_pickle=False, **dict(weights))
