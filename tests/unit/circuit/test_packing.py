"""Where values sit: several records, copies, recorded choices; pinned costs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from circuit_graphs import GraphBuilder, clear_logits, compiled
from safelight.circuit.compiler import Compiled
from safelight.circuit.cost import constant_bytes
from safelight.circuit.diagonals import cover, fewest_classes, plan_diagonals, split_giant_steps
from safelight.circuit.explain import explain
from safelight.circuit.graph import Graph
from safelight.circuit.layout import Layout, candidate_orders
from safelight.circuit.packing import Packing
from safelight.circuit.program import LinearTransform, Multiply, RotateAndSum
from safelight.circuit.reference import evaluate
from safelight.circuit.sparse import SparseMatrix
from safelight.engine.clear import run_clear
from safelight.errors import CompileError, SlotCountError
from safelight.models.registry import compile_model, compiled_model, load_model

TOLERANCE = 1e-9
CONV = GraphBuilder((2, 6, 6), seed=3).conv(3, stride=(2, 2), padding=(1, 1)).poly(2).dense(3)
GRAPH = CONV.graph()


@pytest.fixture(scope="module")
def batched() -> Compiled:
    return compiled(GRAPH, records=None)


@pytest.mark.parametrize("records", [1, 2, 16])
def test_any_number_of_records(records: int) -> None:
    triple = compiled(GRAPH, records=records)
    assert triple.signature.records == records
    for count in {1, records // 2 or 1, records}:
        inputs = CONV.inputs(count)
        found = clear_logits(triple, inputs)
        np.testing.assert_allclose(found, evaluate(GRAPH, inputs), atol=TOLERANCE)


def test_as_many_records_as_fit(batched: Compiled) -> None:
    assert batched.packing.records == batched.program.parameters.slots // 128
    inputs = CONV.inputs(batched.packing.records)
    found = clear_logits(batched, inputs)
    np.testing.assert_allclose(found, evaluate(GRAPH, inputs), atol=TOLERANCE)


def test_records_do_not_touch_one_another(batched: Compiled) -> None:
    inputs = CONV.inputs(batched.packing.records)
    before = clear_logits(batched, inputs)
    changed = inputs.copy()
    changed[3] = CONV.inputs(1)[0]
    after = clear_logits(batched, changed)
    others = np.arange(len(inputs)) != 3
    assert (before[others] == after[others]).all()
    assert (before[3] != after[3]).any()


@pytest.mark.parametrize(
    "builder",
    [
        CONV,
        GraphBuilder((9,)).dense(1),
        GraphBuilder((9,)).dense(5).poly(2).dense(3),
        GraphBuilder((6,)).dense(4).poly(3).dense(2, bias=False),
        GraphBuilder((1, 4, 4)).conv(2, padding=(1, 1)).poly(2).pool(),
    ],
)
@pytest.mark.parametrize("records", [1, None])
def test_no_partial_sum_comes_back(builder: GraphBuilder, records: int | None) -> None:
    """Each returned slot is zero or one of the outputs of the record that it belongs to."""
    triple = compiled(builder.graph(), records=records)
    signature = triple.signature
    inputs = builder.inputs(signature.records)
    slots = run_clear(triple.program, signature.pack(inputs))
    logits = evaluate(builder.graph(), inputs)
    for record in range(signature.records):
        mine = slots[record :: signature.records]
        near = np.abs(mine[:, None] - np.append(logits[record], 0.0)[None, :]).min(axis=1)
        assert near.max() < TOLERANCE


def test_unpack_takes_what_pack_places(batched: Compiled) -> None:
    signature = batched.signature
    inputs = CONV.inputs(signature.records)
    slots = signature.pack(inputs)
    elements = inputs.reshape(signature.records, -1)
    for run in signature.input_slots:
        for i in range(run.count):
            slot, element = run.slot + i * run.slot_step, run.element + i * run.element_step
            for record in (0, 1, signature.records - 1):
                assert slots[slot + record] == elements[record, element]
    placed = sum(run.count for run in signature.input_slots) * signature.records
    assert np.count_nonzero(slots) == placed
    # an identity program would give back what its signature packs
    first = signature.input_slots[0]
    wanted = range(signature.outputs.logits)
    echo = replace(signature, output_slots=tuple(first.slot + i * first.slot_step for i in wanted))
    found = echo.unpack(slots, signature.records)
    places = [first.element + i * first.element_step for i in wanted]
    assert (found == elements[:, places]).all()


def test_a_recorded_packing_gives_the_same_program(batched: Compiled) -> None:
    recorded = Packing.from_json(json.loads(json.dumps(batched.packing.to_json())))
    assert recorded == batched.packing
    again = compiled(GRAPH, packing=recorded)
    assert again.requirements == batched.requirements
    assert again.signature == batched.signature
    inputs = CONV.inputs(2)
    assert (clear_logits(again, inputs) == clear_logits(batched, inputs)).all()


def broken_packings(good: dict[str, Any]) -> list[Any]:
    first = good["ops"][0]
    return [
        {},
        [],
        None,
        good | {"records": 0},
        good | {"records": -1},
        good | {"records": 3},
        good | {"records": 1 << 40},
        good | {"records": "many"},
        good | {"input": ["planes"]},
        good | {"input": ["nowhere", 1, 0]},
        good | {"input": ["planes", -1, 5]},
        good | {"input": ["planes", 1 << 40, 1]},
        good | {"ops": good["ops"][:-1]},
        good | {"ops": [*good["ops"], good["ops"][-1]]},
        good | {"ops": [["nowhere", *first[1:]], *good["ops"][1:]]},
        good | {"ops": [[first[0], 3, *first[2:]], *good["ops"][1:]]},
        good | {"ops": [[first[0], 0, *first[2:]], *good["ops"][1:]]},
        good | {"ops": [first[:2], *good["ops"][1:]]},
    ]


@pytest.mark.parametrize("index", range(18))
def test_a_packing_of_another_model_is_refused(batched: Compiled, index: int) -> None:
    cases = broken_packings(batched.packing.to_json())
    assert len(cases) == 18
    with pytest.raises(CompileError):
        compiled(GRAPH, packing=Packing.from_json(cases[index]))


@pytest.mark.parametrize("records", [0, -4, 3, 1 << 20])
def test_records_are_a_power_of_two_that_fits(records: int) -> None:
    with pytest.raises(CompileError):
        compiled(GRAPH, records=records)


def test_what_exceeds_the_slots_is_named() -> None:
    wide = GraphBuilder((1, 8, 8)).conv(2).poly(2).dense(3)
    with pytest.raises(SlotCountError, match="'input' has 64 elements, more than the 32"):
        compiled(wide.graph(), records=128)
    large = GraphBuilder((3, 80, 80)).pool((80, 80)).flatten().dense(1)
    with pytest.raises(SlotCountError, match="'input' has 19200 elements"):
        compiled(large.graph())
    between = GraphBuilder((20,)).dense(40).poly(2).dense(1)
    with pytest.raises(SlotCountError, match=r"'dense1' has 40 elements, more than the 32"):
        compiled(between.graph(), records=128)


def zeroed(graph: Graph, name: str) -> Graph:
    """The graph with one layer's weights zero."""
    layers = [
        replace(layer, arrays=layer.arrays | {"weight": 0 * layer.arrays["weight"]})
        if layer.name == name
        else layer
        for layer in graph.layers
    ]
    return replace(graph, layers=tuple(layers))


def test_what_no_service_would_hold_is_not_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = constant_bytes(compiled(GRAPH).program)
    monkeypatch.setattr("safelight.circuit.compiler.MAX_CONSTANT_BYTES", occupied)
    compiled(GRAPH)
    monkeypatch.setattr("safelight.circuit.compiler.MAX_CONSTANT_BYTES", occupied - 1)
    with pytest.raises(CompileError, match="spread over the slots, occupy"):
        compiled(GRAPH)


def test_a_constant_model_is_refused_by_name() -> None:
    with pytest.raises(CompileError, match="'dense1' has no weights but zeros"):
        compiled(zeroed(GraphBuilder((4,)).dense(2).graph(), "dense1"))
    with pytest.raises(CompileError, match="no weights but zeros"):
        compiled(zeroed(GraphBuilder((4,)).dense(2).poly(2).dense(2).graph(), "dense3"))


def test_a_branch_of_zeros_costs_nothing() -> None:
    builder = GraphBuilder((4,)).dense(4).poly(2).dense(4).residual("input").poly(2).dense(1)
    graph = zeroed(builder.graph(), "dense3")
    triple = compiled(graph)
    assert sum(isinstance(step, Multiply) for step in triple.program.steps) == 1
    inputs = builder.inputs(1)
    expected = evaluate(graph, inputs)
    np.testing.assert_allclose(clear_logits(triple, inputs), expected, atol=TOLERANCE)


# What one encrypted inference costs: a change of these numbers is a change of speed.
PINNED = {
    # model: rotations, plaintext products, products, rotation keys, records
    "wdbc-logistic": (5, 1, 0, 5, 64),
    "cxr-pneumonia-28": (102, 728, 3, 37, 1),
    "cxr-pneumonia-28-fast": (42, 105, 2, 22, 1),
    "cxr-pneumonia-64": (158, 1661, 4, 49, 1),
    "cxr-nih-64": (89, 638, 3, 38, 1),
    "lung-nodule-48": (105, 811, 3, 29, 1),
    "retina-28": (85, 516, 3, 39, 1),
}


@pytest.mark.parametrize("name", PINNED)
def test_costs_are_pinned(name: str) -> None:
    _, triple = compiled_model(name)
    report = explain(triple)
    counted = ("rotations", "plain_products", "multiplications", "rotation_keys", "records")
    assert tuple(report[key] for key in counted) == PINNED[name]


def test_the_shipped_convolution_carries_its_packing() -> None:
    model = load_model("cxr-pneumonia-28")
    assert model.packing is not None
    assert compile_model(model).packing == model.packing


def test_explanation_adds_up(batched: Compiled) -> None:
    report = explain(batched)
    program = batched.program
    steps = report["steps"]
    assert [step["index"] for step in steps] == list(range(len(program.steps)))
    for total, part in (("rotations", "rotations"), ("plain_products", "products")):
        assert report[total] == sum(step[part] for step in steps)
    rotations = 0
    for step in program.steps:
        if isinstance(step, RotateAndSum):
            rotations += len(step.rotations)
        if isinstance(step, LinearTransform):
            babies = {baby for group in step.giant_steps.values() for baby in group}
            rotations += len(babies - {0}) + len(set(step.giant_steps) - {0})
            assert sum(map(len, step.giant_steps.values())) == len(step.diagonals)
    assert report["rotations"] == rotations
    assert report["multiplications"] == sum(isinstance(s, Multiply) for s in program.steps)
    assert report["rotation_keys"] == len(batched.requirements.galois_levels)
    bits, n = program.parameters.bits, program.parameters.n
    assert report["upload_bytes"] == sum(bits[: program.input_level + 1]) * n // 8
    assert report["download_bytes"] == 2 * bits[0] * n // 8
    levels = [*batched.requirements.galois_levels.values(), 0]
    levels[-1] = batched.requirements.relinearization_level or 0
    expected = sum((lv + 1) * (sum(bits[: lv + 1]) + bits[-1]) * n // 8 for lv in levels)
    assert report["key_bytes"] == expected
    json.dumps(report, allow_nan=False)


def test_diagonals_are_the_matrix() -> None:
    generator = np.random.default_rng(5)
    dense = generator.normal(size=(6, 10)) * (generator.random((6, 10)) < 0.5)
    matrix = SparseMatrix.from_dense(dense)
    source = Layout(32, np.arange(10), (0, 16))
    plan = plan_diagonals(matrix, source, np.arange(6), 16)
    vector = generator.normal(size=10)
    slots = np.zeros(32)
    slots[:10] = slots[16:26] = vector
    total = sum(d * np.roll(slots, -distance) for distance, d in plan.diagonals.items())
    folded = total + np.roll(total, -16)
    np.testing.assert_allclose(folded[:6], dense @ vector, atol=1e-12)
    pairs = [(g + b) % 32 for g, group in plan.giant_steps.items() for b in group]
    assert sorted(pairs) == sorted(plan.diagonals)


def test_covers_serve_every_distance() -> None:
    generator = np.random.default_rng(6)
    for _ in range(50):
        distances = np.unique(generator.integers(0, 64, 20))
        offsets = np.array([0, *generator.integers(0, 64, 3)])
        classes, copies = cover(distances, offsets, 64)
        assert fewest_classes(distances, offsets, 64) <= np.unique(classes).size
        assert (classes == (distances + offsets[copies]) % 64).all()
        assert np.unique(classes).size <= distances.size


def test_giant_steps_hold_every_distance_once() -> None:
    distances = [0, 1, 2, 28, 29, 30, 56, 57, 58]
    cost, split = split_giant_steps(distances, 128)
    assert sorted(g + b for g, group in split.items() for b in group) == distances
    assert split == {0: (0, 1, 2), 28: (0, 1, 2), 56: (0, 1, 2)}
    assert cost == 2 * 1.0 + 2 * 1.5 + 3 * 1.0  # keys for 1, 2 and, in a chain, 28
    assert split_giant_steps(distances, 128, held={1, 2})[0] == cost - 2
    assert split_giant_steps([0], 128)[1] == {0: (0,)}


def test_orders_place_each_element_once() -> None:
    for shape in ((30,), (1, 28, 28), (3, 7, 5), (8, 4, 4)):
        names = set()
        for order in candidate_orders(shape, 4096):
            assert order.base.size == math.prod(shape)
            assert np.unique(order.base).size == order.base.size
            assert 0 <= order.base.min() < order.extent <= 4096
            names.add(order.name)
        assert "planes" in names
    assert list(candidate_orders((5000,), 4096)) == []


def test_a_layout_knows_which_element_sits_where() -> None:
    layout = Layout(16, np.array([0, 2, 4]), (0, 8))
    assert layout.extent == 5
    assert layout.element_at().tolist() == [0, -1, 1, -1, 2, -1, -1, -1] * 2
