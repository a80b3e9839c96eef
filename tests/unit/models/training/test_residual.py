"""Residual and averaged networks: the export equals the network, and it compiles."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safelight.circuit.graph import graph_from_model  # noqa: E402
from safelight.circuit.normal_form import normal_form  # noqa: E402
from safelight.circuit.reference import evaluate  # noqa: E402
from safelight.errors import InputError  # noqa: E402
from safelight.models.training.architectures import (  # noqa: E402
    Architecture,
    Convolution,
    Dense,
    Network,
    Residual,
)
from safelight.models.training.candidates import SLOTS, candidates  # noqa: E402
from safelight.models.training.export import export_graph, observed_ranges  # noqa: E402

MADE = [
    Architecture((1, 12, 12), (Convolution(4, 3, 2, 1), Residual(4)), 3, average=True),
    Architecture((3, 12, 12), (Residual(6, stride=2), Residual(8, stride=2), Dense(5)), 2),
    Architecture((3, 8, 8), (Convolution(4, 3, 1, 1), Dense(5)), 1, norm="none"),
    Architecture((7,), (Dense(5), Dense(4)), 1),
    Architecture((7,), (), 1),
]


@pytest.mark.parametrize("made", MADE)
def test_export_equals_the_network(made: Architecture) -> None:
    torch.manual_seed(1)
    network = Network(made)
    batch = torch.randn(16, *made.input_shape)
    network.train()
    network(batch)  # running means
    exported = export_graph(network, observed_ranges(network, [batch]))
    document = {
        "name": "any",
        "input_shape": list(made.input_shape),
        "nodes": exported.nodes,
        "output": exported.output,
        "ranges": exported.ranges,
    }
    graph = graph_from_model(json.loads(json.dumps(document)), exported.weights)
    with torch.no_grad():
        wanted = network.eval()(batch).numpy()
    assert np.abs(evaluate(graph, batch.double().numpy()) - wanted).max() < 1e-3
    form = normal_form(graph, 8.0)
    flat = batch.double().numpy().reshape(16, -1)
    assert np.abs(form.evaluate(flat) - wanted).max() < 1e-3
    assert len(exported.ranges) == len(list(network.quadratics()))


def test_layers_that_do_not_fit() -> None:
    with pytest.raises(InputError, match="hidden layer 2 is a convolution"):
        Network(Architecture((1, 8, 8), (Dense(4), Convolution(2, 3, 1, 1))))
    with pytest.raises(InputError, match="hidden layer 1 leaves no pixels"):
        Network(Architecture((1, 2, 2), (Convolution(2, 5, 1, 0),)))


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 28, 28), (1, 64, 64), (3, 48, 48), (1, 20, 20)])
def test_candidates_fit_the_slots(shape: tuple[int, int, int]) -> None:
    found = list(candidates(shape, 11))
    assert [each.name for each in found] == ["wide", "medium", "small", "fast", "logistic"]
    for each in found:
        assert max(each.architecture.widths(), default=0) <= SLOTS
