"""What does not fit is refused before the search for a packing, which takes most of the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from safelight.circuit.compiler import ModelMeaning, compile_graph
from safelight.circuit.graph import Graph, Layer
from safelight.circuit.outputs import Outputs
from safelight.errors import DepthError, SlotCountError

MEANING = ModelMeaning("1", "a chain", {}, Outputs(("no", "yes"), "sigmoid", "yes", 0.5))


def chain(squares: int, features: int = 4) -> Graph:
    """A dense layer and a square, again and again."""
    layers: list[Layer] = []
    ranges: dict[str, tuple[float, float]] = {}
    last = "input"
    for index in range(squares):
        weight = np.eye(features) + 0.1
        layers.append(Layer(f"dense{index}", "dense", (last,), {"weight": weight}))
        last = f"square{index}"
        square = {"coefficients": np.array([0.0, 0.5, 1.0])}
        layers.append(Layer(last, "polynomial", (f"dense{index}",), square))
        ranges |= {f"dense{index}": (-1.0, 1.0), last: (-1.0, 1.0)}
    layers.append(Layer("head", "dense", (last,), {"weight": np.ones((1, features))}))
    return Graph("chain", (features,), tuple(layers), {**ranges, "head": (-4.0, 4.0)})


def refuse(*_: object) -> None:
    raise AssertionError("nothing is searched for")


def test_too_deep_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safelight.circuit.compiler.search_packing", refuse)
    with pytest.raises(DepthError, match="20 products in a row do not fit N = 32768"):
        compile_graph(chain(20), MEANING, input_bound=1.0)


def test_too_wide_is_refused_before_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safelight.circuit.compiler.search_packing", refuse)
    wide = Layer("wide", "conv2d", ("input",), {"weight": np.ones((20, 1, 1, 1))})
    square = Layer("square", "polynomial", ("wide",), {"coefficients": np.array([0.0, 0.5, 1.0])})
    layers = (wide, square, Layer("mean", "average_pool", ("square",), sizes={"kernel": (32, 32)}))
    graph = Graph("wide", (1, 32, 32), layers, {"wide": (-1.0, 1.0), "square": (-1.0, 1.0)})
    with pytest.raises(SlotCountError, match="20480 elements, more than the 16384"):
        compile_graph(graph, MEANING, input_bound=1.0)


def test_what_the_search_leaves_out_is_never_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    weight = np.random.default_rng(0).normal(size=(3, 1, 3, 3))
    square = {"coefficients": np.array([0.0, 0.5, 1.0])}
    layers = (
        Layer("conv", "conv2d", ("input",), {"weight": weight}, {"padding": (1, 1)}),
        Layer("square", "polynomial", ("conv",), square),
        Layer("pool", "average_pool", ("square",), sizes={"kernel": (2, 2), "stride": (2, 2)}),
        Layer("flat", "flatten", ("pool",)),
        Layer("head", "dense", ("flat",), {"weight": np.ones((2, 3 * 4 * 5))}),
    )
    ranges = {"conv": (-4.0, 4.0), "square": (-4.0, 4.0), "head": (-60.0, 60.0)}
    graph = Graph("small", (1, 8, 10), layers, ranges)
    meaning = replace(MEANING, outputs=Outputs(("no", "yes"), "softmax", "yes", 0.5))
    chosen = compile_graph(graph, meaning, input_bound=1.0).packing
    monkeypatch.setattr("safelight.circuit.packing_search.fewest_classes", lambda *_: 0)
    assert compile_graph(graph, meaning, input_bound=1.0).packing == chosen


def test_the_search_says_how_far_it_is() -> None:
    told: list[tuple[float, float]] = []
    compiled = compile_graph(
        chain(2), MEANING, input_bound=1.0, watch=lambda *done: told.append(done)
    )
    count = len(compiled.form.ops)
    assert told == [(done, count) for done in range(1, count + 1)]
