"""Graphs from the shipped form: shapes, and refusals that name the layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuit_graphs import GraphBuilder
from safelight.circuit.graph import Graph, Layer, graph_from_model
from safelight.errors import CompileError, UnsupportedLayerError

MODEL: dict[str, Any] = {
    "name": "sample",
    "input_shape": [1, 6, 6],
    "nodes": [
        {
            "name": "conv",
            "op": "conv2d",
            "inputs": ["input"],
            "weight": "w",
            "bias": "b",
            "stride": 2,
            "padding": [1, 0],
        },
        {"name": "square", "op": "polynomial", "inputs": ["conv"], "coefficients": "c"},
        {"name": "logit", "op": "dense", "inputs": ["square"], "weight": "d"},
    ],
    "output": "logit",
    "ranges": {"square": [-3, 4]},
}
WEIGHTS = {
    "w": np.ones((2, 1, 3, 3), dtype=np.float32),
    "b": np.zeros(2),
    "c": np.array([0.0, 1.0, 0.5]),
    "d": np.ones((1, 12)),
}


def changed(index: int, **node: Any) -> dict[str, Any]:
    nodes = list(MODEL["nodes"])
    nodes[index] = nodes[index] | node
    return MODEL | {"nodes": nodes}


def test_the_shipped_form_is_read() -> None:
    graph = graph_from_model(MODEL, WEIGHTS)
    shapes = {"input": (1, 6, 6), "conv": (2, 3, 2), "square": (2, 3, 2), "logit": (1,)}
    assert graph.shapes() == shapes
    assert graph.layers[0].sizes == {"stride": (2, 2), "padding": (1, 0)}
    assert graph.layers[0].arrays["weight"].dtype == np.float64
    assert "bias" not in graph.layers[2].arrays
    assert graph.ranges == {"square": (-3.0, 4.0)}


@pytest.mark.parametrize("op", ["relu", "max_pool", "softmax", "lstm", ""])
def test_an_unsupported_layer_is_named_with_its_kind(op: str) -> None:
    with pytest.raises(UnsupportedLayerError, match="'square'") as caught:
        graph_from_model(changed(1, op=op), WEIGHTS)
    assert repr(op) in caught.value.message
    assert "polynomials" in caught.value.hint


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        (changed(2, inputs=["nowhere"]), {}, "'logit' reads 'nowhere'"),
        (changed(0, inputs=["logit"]), {}, "'conv' reads 'logit'"),
        (changed(2, inputs=["square", "conv"]), {}, "'logit'.*has 2 inputs"),
        (changed(2, inputs=[]), {}, "'logit'.*has 0 inputs"),
        (changed(0, weight="missing"), {}, "'conv' has no weight"),
        (changed(1, coefficients="missing"), {}, "'square' has no coefficients"),
        (MODEL, {"d": np.full((1, 12), np.nan)}, "'logit': its weight has values not finite"),
        (MODEL, {"d": np.ones((1, 13))}, r"'logit' \(dense\) does not fit an input \[2, 3, 2\]"),
        (MODEL, {"d": np.ones(12)}, "'logit'"),
        (MODEL, {"w": np.ones((2, 3, 3, 3))}, r"'conv' \(conv2d\) does not fit"),
        (MODEL, {"w": np.ones((2, 1, 9, 9))}, "'conv'"),
        (MODEL, {"w": np.ones((2, 9))}, "'conv'"),
        (MODEL, {"b": np.ones(3)}, "'conv'"),
        (MODEL, {"c": np.ones((3, 3))}, "'square'"),
        (MODEL, {"c": np.array(1.0)}, "'square'"),
        (changed(0, stride=0), {}, "'conv'"),
        (changed(0, padding=-1), {}, "'conv'"),
        (MODEL | {"output": "conv"}, {}, "the last layer must be the output"),
        (MODEL | {"nodes": []}, {}, "the last layer must be the output"),
        (changed(0, name="square"), {}, "names must differ"),
        (MODEL | {"input_shape": [36]}, {}, "'conv'"),
        (MODEL | {"input_shape": [1, 0, 6]}, {}, "input"),
    ],
)
def test_refusals_name_the_layer(
    model: dict[str, Any], weights: dict[str, Any], message: str
) -> None:
    with pytest.raises(CompileError, match=message):
        graph_from_model(model, WEIGHTS | weights)


def test_residual_branches_have_one_shape() -> None:
    builder = GraphBuilder((1, 6, 6)).conv(2, padding=(1, 1)).conv(2, padding=(1, 1))
    assert builder.residual("conv2d1").shape == (2, 6, 6)
    broken = GraphBuilder((1, 6, 6)).conv(2, padding=(1, 1)).conv(2).residual("conv2d1")
    with pytest.raises(CompileError, match="'add3'"):
        _ = broken.shape


def test_an_empty_batch_norm_is_refused() -> None:
    ones = np.ones(3)
    arrays = {"weight": ones, "bias": ones, "mean": ones, "variance": ones}
    graph = Graph("norm", (2, 4, 4), (Layer("bn", "batch_norm", ("input",), arrays),))
    with pytest.raises(CompileError, match="'bn'"):
        graph.shapes()
    arrays = {"weight": np.ones(2), "bias": ones, "mean": np.ones(2), "variance": np.ones(2)}
    graph = Graph("norm", (2, 4, 4), (Layer("bn", "batch_norm", ("input",), arrays),))
    with pytest.raises(CompileError, match="'bn'"):
        graph.shapes()
