"""Maps for logits: their averages are the logits, at no further level, and nothing else leaves."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from circuit_graphs import GraphBuilder, compiled, meaning_of
from safelight.circuit.class_activation_map import with_class_activation_map
from safelight.circuit.compiler import Compiled, compile_graph
from safelight.circuit.graph import Graph, graph_from_model
from safelight.circuit.outputs import Outputs, logits_of, maps_of
from safelight.circuit.reference import evaluate, evaluate_all
from safelight.circuit.signature import Signature
from safelight.engine.clear import run_clear
from safelight.errors import CompileError, MalformedError


def global_average(outputs: int = 3) -> Graph:
    """Convolution, square, global average, dense: the textbook case."""
    return (
        GraphBuilder((1, 8, 8))
        .conv(4, stride=(2, 2), padding=(1, 1))
        .poly(2, per_channel=True)
        .pool((4, 4))
        .flatten()
        .dense(outputs)
        .graph()
    )


def dense_at_each_place(outputs: int = 1) -> Graph:
    """A dense layer on the whole feature map, as the shipped radiograph models have it."""
    return (
        GraphBuilder((1, 8, 8), seed=3)
        .conv(4, stride=(2, 2), padding=(1, 1))
        .poly(2, per_channel=True)
        .flatten()
        .dense(outputs)
        .graph()
    )


def scores_then_average() -> Graph:
    """Batch norm, a 1 × 1 convolution to class scores, their average."""
    return (
        GraphBuilder((2, 6, 6), seed=5)
        .conv(3, padding=(1, 1))
        .poly(2)
        .norm()
        .conv(2, (1, 1))
        .pool((6, 6))
        .flatten()
        .graph()
    )


GRAPHS = [global_average(), dense_at_each_place(), dense_at_each_place(2), scores_then_average()]


def mapped(graph: Graph, **options: Any) -> Compiled:
    outputs = int(np.prod(graph.shapes()[graph.layers[-1].name]))
    meaning = dataclasses.replace(meaning_of(outputs), class_activation_map=True)
    return compile_graph(graph, meaning, input_bound=1.0, **options)


def inputs_of(graph: Graph, count: int) -> np.ndarray:
    return np.random.default_rng(8).uniform(-1, 1, (count, *graph.input_shape))


@pytest.mark.parametrize("graph", GRAPHS)
def test_average_of_the_map_is_the_logit(graph: Graph) -> None:
    changed, shape = with_class_activation_map(graph)
    inputs = inputs_of(graph, 5)
    logits = evaluate(graph, inputs)
    meaning = dataclasses.replace(meaning_of(logits.shape[1]).outputs, map_shape=shape)
    shares = evaluate(changed, inputs)
    assert maps_of(meaning, shares).shape == (5, logits.shape[1], *shape)
    assert np.abs(logits_of(meaning, shares) - logits).max() < 1e-12


def test_textbook_map_is_the_weighted_feature_map() -> None:
    graph = global_average()
    changed, shape = with_class_activation_map(graph)
    values = evaluate_all(graph, inputs_of(graph, 3))
    features = values[graph.layers[1].name]
    dense = graph.layers[-1].arrays
    expected = np.einsum("kc,rchw->rkhw", dense["weight"], features)
    expected += dense["bias"][:, None, None]
    meaning = dataclasses.replace(meaning_of(3).outputs, map_shape=shape)
    found = maps_of(meaning, evaluate(changed, inputs_of(graph, 3)))
    assert np.abs(found - expected).max() < 1e-12


@pytest.mark.parametrize("graph", GRAPHS)
def test_compiled_program_gives_the_map(graph: Graph) -> None:
    triple = mapped(graph)
    inputs = inputs_of(graph, 1)
    slots = run_clear(triple.program, triple.signature.pack(inputs))
    assert np.abs(triple.signature.unpack(slots, 1) - evaluate(graph, inputs)).max() < 1e-9
    changed, shape = with_class_activation_map(graph)
    maps = triple.signature.unpack_maps(slots, 1)
    assert maps is not None
    assert maps.shape[2:] == shape
    expected = maps_of(triple.signature.outputs, evaluate(changed, inputs))
    assert np.abs(maps - expected).max() < 1e-9


@pytest.mark.parametrize("graph", GRAPHS)
def test_no_further_level_and_one_ciphertext(graph: Graph) -> None:
    without, triple = compiled(graph), mapped(graph)
    assert triple.program.parameters.max_level <= without.program.parameters.max_level
    assert triple.program.parameters.n == without.program.parameters.n
    assert len(triple.signature.output_slots) <= triple.program.parameters.slots


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("records", [1, 4])
def test_all_other_slots_are_copies_or_empty(graph: Graph, records: int) -> None:
    """Partial sums there would tell about the weights (more than the answer does)."""
    triple = mapped(graph, records=records)
    inputs = inputs_of(graph, records)
    slots = run_clear(triple.program, triple.signature.pack(inputs))
    first = np.array(triple.signature.output_slots)
    answers = np.concatenate([slots[first + record] for record in range(records)])
    other = np.delete(slots, (first[:, None] + np.arange(records)).ravel())
    distance = np.abs(other[:, None] - np.append(answers, 0.0)[None]).min(axis=1)
    assert distance.max() < 1e-9


def test_a_range_declared_for_the_logit_is_dropped() -> None:
    graph = dense_at_each_place()
    name = graph.layers[-1].name
    graph = dataclasses.replace(graph, ranges={**graph.ranges, name: (-0.001, 0.001)})
    changed, _ = with_class_activation_map(graph)
    assert name not in changed.ranges
    assert set(changed.ranges) == set(graph.ranges) - {name}


@pytest.mark.parametrize(
    "graph",
    [
        GraphBuilder((12,)).dense(6).poly(2).dense(2).graph(),
        GraphBuilder((1, 4, 4)).conv(3, (4, 4)).poly(2).dense(2).graph(),
        GraphBuilder((1, 4, 4)).conv(3, padding=(1, 1)).poly(2).graph(),
    ],
)
def test_refuses_models_without_a_map(graph: Graph) -> None:
    with pytest.raises(CompileError, match="no feature map") as caught:
        with_class_activation_map(graph)
    assert "class_activation_map" in caught.value.hint


def test_a_layer_read_elsewhere_is_not_swallowed() -> None:
    builder = GraphBuilder((1, 6, 6)).conv(2, padding=(1, 1)).poly(2)
    square = builder.last
    builder.norm()
    normed = builder.last
    builder.poly(2).residual(normed).pool((6, 6)).flatten().dense(1)
    changed, shape = with_class_activation_map(builder.graph())
    assert shape == (6, 6)
    assert [layer.op for layer in changed.layers][-2:] == ["add", "class_activation_map"]
    assert square in {layer.name for layer in changed.layers}


def test_model_files_cannot_name_the_layer() -> None:
    model = {
        "name": "x", "input_shape": [1, 2, 2], "output": "a",
        "nodes": [{"name": "a", "op": "class_activation_map", "inputs": ["input"]}],
    }  # fmt: skip
    with pytest.raises((CompileError, KeyError)):
        graph_from_model(model, {})


def test_signature_travels_with_its_map_shape() -> None:
    signature = mapped(dense_at_each_place(2)).signature
    document = json.loads(json.dumps(signature.to_json()))
    assert document["outputs"]["map_shape"] == [4, 4]
    assert Signature.from_json(document) == signature
    plain = compiled(dense_at_each_place(2)).signature
    assert "map_shape" not in plain.to_json()["outputs"]
    assert plain.unpack_maps(np.zeros(plain.parameters.slots), 1) is None


@pytest.mark.parametrize("shape", [[4], [4, 5], [0, 4], [4, 4, 1], [1 << 20, 4], [4.0, 4], "44"])
def test_strangers_map_shapes_are_checked(shape: object) -> None:
    document = mapped(dense_at_each_place(2)).signature.to_json()
    document["outputs"]["map_shape"] = shape
    with pytest.raises(MalformedError):
        Signature.from_json(document)


def test_several_findings_at_once() -> None:
    outputs = Outputs(("edema", "mass"), "sigmoid_each", "edema", 0.5, map_shape=(2, 2))
    assert outputs.is_sound()
    assert outputs.numbers == 8
    shares = np.arange(8.0)[None]
    assert logits_of(outputs, shares).tolist() == [[6.0, 22.0]]
