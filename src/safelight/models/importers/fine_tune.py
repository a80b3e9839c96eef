"""Distillation: the replaced network learns the original's logits on the calibration inputs.

1. Fitted inputs are divided: four fifths to learn from, one fifth to choose the epoch by.
2. Weights, biases and polynomials learn, batch norms stay; the loss is the squared difference of
   logits plus the cross-entropy of probabilities, plus a penalty on inputs of polynomials that
   leave their interval.
3. The best epoch is kept, the untrained network being one of the candidates. Ranges are observed
   again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Graph, Layer
from safelight.circuit.reference import evaluate_all
from safelight.models.importers.draft import BATCH, Draft
from safelight.models.importers.polynomial_fit import MAX_SHIFT
from safelight.models.importers.source_file import needed

LEARNING_RATE = 1e-3
BATCH_SIZE = 32
# Where the penalty on a polynomial's input begins: the interval is [−1, 1] and has its margin.
PENALTY_FROM = 0.8
PENALTY_WEIGHT = 1.0
SEED = 0


def fine_tuned(
    draft: Draft,
    graph: Graph,
    inputs: FloatArray,
    *,
    epochs: int,
    margin: float,
    watch: Callable[[float, float], None],
) -> Graph:
    """The graph after distillation from the draft.

    Args:
        draft: The original.
        graph: With polynomials, from `with_polynomials`.
        inputs: float64 ``[records, *input_shape]``.
        epochs: Passes over the inputs.
        margin: Of the ranges.
        watch: Called with (epochs done, epochs in all).
    """
    torch = needed("torch")
    targets = draft.evaluate(inputs)
    kept = np.arange(len(inputs)) % 5 == 4
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = _Network(torch, graph)
        learned, wanted, checked, expected = (
            torch.tensor(array, dtype=torch.float32)
            for array in (inputs[~kept], targets[~kept], inputs[kept], targets[kept])
        )
        spread = float(targets.std()) or 1.0
        optimizer = torch.optim.Adam(network.trainable(), lr=LEARNING_RATE)
        steps = epochs * math.ceil(len(learned) / BATCH_SIZE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        least, best = network.loss(checked, expected, spread).item(), network.state()
        for epoch in range(epochs):
            for rows in torch.randperm(len(learned)).split(BATCH_SIZE):
                optimizer.zero_grad()
                loss = network.loss(learned[rows], wanted[rows], spread)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.trainable(), 1.0)
                optimizer.step()
                schedule.step()
                network.keep_squares_completable()
            with torch.no_grad():
                error = network.loss(checked, expected, spread).item()
            if math.isfinite(error) and error < least:
                least, best = error, network.state()
            watch(epoch + 1, epochs)
    return _with_ranges(network.graph_of(best), inputs, margin)


class _Network:
    """The graph in torch, float32; the arrays of its layers by (layer, role)."""

    def __init__(self, torch: Any, graph: Graph) -> None:
        self.torch = torch
        self.graph = graph
        self.arrays = {
            (layer.name, role): torch.tensor(array, dtype=torch.float32)
            for layer in graph.layers
            for role, array in layer.arrays.items()
        }
        for (name, _), tensor in self.arrays.items():
            if self._layer(name).op in ("conv2d", "dense", "polynomial"):
                tensor.requires_grad_(True)

    def _layer(self, name: str) -> Layer:
        return next(layer for layer in self.graph.layers if layer.name == name)

    def trainable(self) -> list[Any]:
        """The tensors that learn."""
        return [tensor for tensor in self.arrays.values() if tensor.requires_grad]

    def state(self) -> dict[tuple[str, str], FloatArray]:
        """A copy of the arrays that learn, float64."""
        return {
            key: tensor.detach().double().numpy().copy()
            for key, tensor in self.arrays.items()
            if tensor.requires_grad
        }

    def loss(self, inputs: Any, targets: Any, spread: float) -> Any:
        """Of a batch; also the measure by which the epoch is chosen."""
        torch = self.torch
        logits, excess = self._forward(inputs)
        squared = ((logits - targets) / spread).square().mean()
        if targets.shape[1] == 1:
            wanted = torch.sigmoid(targets)
            crossed = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        else:
            wanted = torch.softmax(targets, dim=1)
            crossed = torch.nn.functional.cross_entropy(logits, wanted)
        return squared + crossed + PENALTY_WEIGHT * excess

    def _forward(self, inputs: Any) -> tuple[Any, Any]:
        """Logits, and how far inputs of polynomials leave their interval."""
        functional = self.torch.nn.functional
        values = {INPUT: inputs}
        excess = self.torch.zeros(())
        for layer in self.graph.layers:
            value = values[layer.inputs[0]]
            array = {role: self.arrays[layer.name, role] for role in layer.arrays}
            stride, padding = layer.sizes.get("stride", 1), layer.sizes.get("padding", 0)
            if layer.op == "conv2d":
                value = functional.conv2d(
                    value, array["weight"], array.get("bias"), stride=stride, padding=padding
                )
            elif layer.op == "dense":
                value = functional.linear(value.flatten(1), array["weight"], array.get("bias"))
            elif layer.op == "average_pool":
                value = functional.avg_pool2d(value, layer.sizes["kernel"], stride, padding)
            elif layer.op == "batch_norm":
                value = functional.batch_norm(
                    value, array["mean"], array["variance"], array["weight"], array["bias"],
                    eps=layer.epsilon,
                )  # fmt: skip
            elif layer.op == "polynomial":
                if layer.inputs[0].endswith("/unit"):
                    excess = excess + functional.relu(value.abs() - PENALTY_FROM).square().mean()
                value = self._polynomial(value, array["coefficients"])
            elif layer.op == "add":
                value = value + values[layer.inputs[1]]
            else:
                value = value.flatten(1)
            values[layer.name] = value
        return value.flatten(1), excess

    def _polynomial(self, value: Any, coefficients: Any) -> Any:
        shape = (-1,) + (1,) * (value.dim() - 2)
        result = self.torch.zeros_like(value)
        for column in reversed(self.torch.atleast_2d(coefficients).T):
            result = result * value + column.reshape(shape)
        return result

    def keep_squares_completable(self) -> None:
        """Holds |b / 2a| of every quadratic below the limit of the fit."""
        with self.torch.no_grad():
            for layer in self.graph.layers:
                tensor = self.arrays.get((layer.name, "coefficients"))
                if tensor is None or tensor.dim() != 2 or tensor.shape[1] != 3:
                    continue
                least = tensor[:, 1].abs() / (2 * MAX_SHIFT) + 1e-6
                signs = self.torch.where(tensor[:, 2] < 0, -1.0, 1.0)
                tensor[:, 2] = signs * self.torch.maximum(tensor[:, 2].abs(), least)

    def graph_of(self, state: dict[tuple[str, str], FloatArray]) -> Graph:
        """The graph with these arrays."""
        layers = tuple(
            replace(
                layer,
                arrays={
                    role: state.get((layer.name, role), array)
                    for role, array in layer.arrays.items()
                },
            )
            for layer in self.graph.layers
        )
        return replace(self.graph, layers=layers)


def _with_ranges(graph: Graph, inputs: FloatArray, margin: float) -> Graph:
    """The graph with intervals as wide as its own values now need, never narrower."""
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for start in range(0, len(inputs), BATCH):
        values = evaluate_all(graph, inputs[start : start + BATCH])
        for layer in graph.layers:
            name = layer.inputs[0] if layer.op == "polynomial" else layer.name
            low, high = float(values[name].min()), float(values[name].max())
            lows[layer.name] = min(low, lows.get(layer.name, low))
            highs[layer.name] = max(high, highs.get(layer.name, high))
    ranges = {}
    for name, (low, high) in graph.ranges.items():
        middle = (lows[name] + highs[name]) / 2
        half = (1.0 + margin) * (highs[name] - lows[name]) / 2
        ranges[name] = (min(low, middle - half), max(high, middle + half))
    return replace(graph, ranges=ranges)
