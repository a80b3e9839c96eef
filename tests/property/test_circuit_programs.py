"""Random small models: the compiled program in the clear is the reference."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from circuit_graphs import GraphBuilder, clear_logits, compiled
from safelight.circuit.graph import Graph
from safelight.circuit.reference import evaluate
from safelight.circuit.signature import Signature, slot_runs
from safelight.engine.clear import run_clear
from safelight.errors import DepthError

SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def models(draw: st.DrawFn) -> GraphBuilder:
    """Up to four layers on tiny tensors, ending in a dense layer or not."""
    seed = draw(st.integers(0, 2**32 - 1))
    planes = draw(st.booleans())
    if planes:
        shape = (draw(st.integers(1, 2)), draw(st.integers(2, 5)), draw(st.integers(2, 5)))
    else:
        shape = (draw(st.integers(1, 9)),)
    builder = GraphBuilder(shape, seed)
    products = 0
    for _ in range(draw(st.integers(1, 4))):
        kinds = ["dense", "norm", "residual"]
        if len(builder.shape) == 3:
            kinds += ["conv", "conv", "pool", "flatten"]
        if products < 2:
            kinds += ["poly", "poly"]
        kind = draw(st.sampled_from(kinds))
        if kind == "dense":
            builder.dense(draw(st.integers(1, 6)), bias=draw(st.booleans()))
        elif kind == "norm":
            builder.norm()
        elif kind == "flatten":
            builder.flatten()
        elif kind == "poly":
            degree = draw(st.integers(1, 3))
            products += (0, 0, 1, 2)[degree]
            builder.poly(degree, per_channel=draw(st.booleans()))
        elif kind == "residual":
            shapes = Graph("shapes", shape, tuple(builder.layers)).shapes()
            same = [name for name, found in shapes.items() if found == builder.shape]
            builder.residual(draw(st.sampled_from(same)))
        else:
            height, width = builder.shape[1:]
            kernel = (min(draw(PAIRS)[0], height), min(draw(PAIRS)[1], width))
            padding = tuple(draw(st.integers(0, side // 2)) for side in kernel)
            if kind == "conv":
                builder.conv(draw(st.integers(1, 3)), kernel, draw(PAIRS), padding)
            else:
                builder.pool(kernel, draw(PAIRS), padding)
    return builder


@SLOW
@given(models(), st.sampled_from([None, 8, 64]))
def test_the_program_is_the_reference(builder: GraphBuilder, records: int | None) -> None:
    graph = builder.graph()
    try:
        triple = compiled(graph, records=records)
    except DepthError:
        assume(False)
    signature = triple.signature
    inputs = builder.inputs(signature.records)
    found = clear_logits(triple, inputs)
    expected = evaluate(graph, inputs)
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=1e-9)

    # what comes back holds outputs and zeros, nothing between
    slots = run_clear(triple.program, signature.pack(inputs))
    tolerance = 1e-9 * max(1.0, float(np.abs(expected).max()))
    for record in range(0, signature.records, max(1, signature.records // 4)):
        mine = slots[record :: signature.records]
        allowed = np.append(expected[record], 0.0)
        assert np.abs(mine[:, None] - allowed[None, :]).min(axis=1).max() < tolerance

    # the signature survives its JSON, and packs the same
    again = Signature.from_json(json.loads(json.dumps(signature.to_json())))
    assert again == signature
    assert (again.pack(inputs) == signature.pack(inputs)).all()


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30, unique=True))
def test_runs_describe_their_pairs(pairs: list[tuple[int, int]]) -> None:
    slots = np.array([slot for slot, _ in pairs], dtype=np.int64)
    elements = np.array([element for _, element in pairs], dtype=np.int64)
    unrolled = [
        (run.slot + i * run.slot_step, run.element + i * run.element_step)
        for run in slot_runs(slots, elements)
        for i in range(run.count)
    ]
    assert unrolled == pairs
