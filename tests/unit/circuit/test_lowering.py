"""Steps from operations: what the search may choose, the lowering must get right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from circuit_graphs import GraphBuilder, clear_logits, compiled
from safelight.circuit.lowering import _Lowering
from safelight.circuit.normal_form import ProductOp
from safelight.circuit.packing import Placement
from safelight.circuit.reference import evaluate
from safelight.circuit.scale_search import OpScale
from safelight.engine.clear import run_clear
from safelight.errors import CompileError

TOLERANCE = 1e-9


def branches(seed: int, width: int) -> GraphBuilder:
    """A sum of one branch that repeats around the slots and one that does not: the input."""
    builder = GraphBuilder((9,), seed).dense(width).poly(2).dense(width)
    last = builder.last
    weight = builder.random.normal(size=(width, 9)) / 3
    builder.add("dense", inputs=("input",), arrays={"weight": weight})
    return builder.residual(last).poly(2).dense(2)


@pytest.mark.parametrize("records", [1, 2, None])
@pytest.mark.parametrize("width", [3, 14])
def test_branches_of_different_periods_add_up(records: int | None, width: int) -> None:
    builder = branches(width, width)
    graph = builder.graph()
    triple = compiled(graph, records=records)
    inputs = builder.inputs(min(3, triple.signature.records))
    expected = evaluate(graph, inputs)
    np.testing.assert_allclose(clear_logits(triple, inputs), expected, atol=TOLERANCE)


@pytest.mark.parametrize("records", [1, 2, None])
def test_slots_that_are_no_answer_hold_nothing_of_the_weights(records: int | None) -> None:
    builder = branches(1, 14)
    triple = compiled(builder.graph(), records=records)
    signature = triple.signature
    slots = run_clear(triple.program, signature.pack(builder.inputs(1)))
    # whole answers may repeat around the slots; nothing else is there
    period = triple.packing.periods[-1] * signature.records
    rows = slots.reshape(-1, period)
    np.testing.assert_allclose(rows, np.broadcast_to(rows[0], rows.shape), atol=TOLERANCE)
    answers = np.array(signature.output_slots)[:, None] + np.arange(signature.records)
    silent = np.setdiff1d(np.arange(period), answers.ravel() % period)
    assert not rows[:, silent].any()


def test_a_packing_that_puts_factors_apart_is_refused() -> None:
    triple = compiled(GraphBuilder((8,)).dense(8).poly(3).dense(1).graph())
    lowering = _Lowering(triple.form, triple.plan, triple.packing)
    value = lowering.values[0]
    moved = replace(value, placement=Placement(value.placement.order, 8))
    lowering.values = [value, moved]
    with pytest.raises(CompileError, match="factors of 'p' in different places"):
        lowering.product(ProductOp("p", (8,), 0, 1, 1.0), OpScale((), 0, 60))
