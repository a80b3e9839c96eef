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

from safelight.models.training.architectures import Network
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
    nodes: list[dict[str, Any]] = []
    weights: dict[str, NDArray[np.float32]] = {}
    named_ranges: dict[str, list[float]] = {}
    layers = [layer for layer in network.layers if not isinstance(layer, nn.Dropout)]
    previous, count = "input", 0
    for position, layer in enumerate(layers):
        node: dict[str, Any]
        if isinstance(layer, nn.Conv2d | nn.Linear):
            following = layers[position + 1] if position + 1 < len(layers) else None
            weight, bias = _folded(layer, following)
            last = following is None
            convolution = isinstance(layer, nn.Conv2d)
            name = "logit" if last else f"{'conv' if convolution else 'dense'}{count + 1}"
            node = {"name": name, "op": "conv2d" if convolution else "dense"}
            weights[f"{name}.weight"], weights[f"{name}.bias"] = weight, bias
            node |= {"inputs": [previous], "weight": f"{name}.weight", "bias": f"{name}.bias"}
            if isinstance(layer, nn.Conv2d):
                node |= {"stride": list(layer.stride), "padding": [int(p) for p in layer.padding]}
        elif isinstance(layer, Quadratic):
            name = f"square{count + 1}"
            coefficients = layer.coefficients().detach().numpy().astype(np.float32)
            weights[f"{name}.coefficients"] = coefficients
            node = {"name": name, "op": "polynomial", "inputs": [previous]}
            node["coefficients"] = f"{name}.coefficients"
            if count in ranges:
                named_ranges[name] = [round(bound, 3) for bound in ranges[count]]
            count += 1
        elif isinstance(layer, nn.Flatten):
            name, node = "flatten", {"name": "flatten", "op": "flatten", "inputs": [previous]}
        else:
            continue  # batch norm, folded into the layer before it
        nodes.append(node)
        previous = name
    return ExportedGraph(nodes, weights, named_ranges, previous)


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
