"""Levels and scales: every value fits its modulus, the shipped plans are pinned."""

from __future__ import annotations

import math

import numpy as np
import pytest

from circuit_graphs import GraphBuilder, compiled
from safelight.circuit.checks import register_states
from safelight.circuit.compiler import Compiled, op_levels
from safelight.circuit.graph import Graph
from safelight.circuit.modulus_needs import MARGIN_BITS
from safelight.circuit.normal_form import normal_form
from safelight.circuit.program import Step, Vector
from safelight.circuit.scales import (
    LAZY_PRIME_BITS,
    WATERLINE_BITS,
    WEIGHT_BITS,
    plan_scales,
)
from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.engine.clear import run_clear
from safelight.errors import DepthError, RangeError, UnsupportedLayerError
from safelight.models.registry import compiled_model

SMALL = {
    "logistic": GraphBuilder((30,)).dense(1),
    "two quadratics": GraphBuilder((12,)).dense(8).poly(2).dense(8).poly(2).dense(2),
    "quintic": GraphBuilder((6,)).dense(4).poly(5).dense(2),
    "residual": GraphBuilder((8,)).dense(8).poly(2).dense(8).residual("dense1").poly(2).dense(1),
    "convolution": GraphBuilder((1, 6, 6)).conv(2).norm().poly(2).pool((4, 4)).dense(2),
}


def modulus_log2(triple: Compiled, level: int) -> float:
    return math.fsum(map(math.log2, triple.program.parameters.primes[: level + 1]))


def assert_every_value_fits(triple: Compiled, inputs: Vector) -> None:
    """|value|·scale stays below half the modulus at every register: nothing wraps around."""
    states = register_states(triple.program)

    def watch(step: Step, value: Vector) -> None:
        state = states[step.dst]
        largest = max(float(np.abs(value).max()), 1e-6)
        needed = math.log2(largest * state.scale) + 1
        assert needed < modulus_log2(triple, state.level), step.label

    run_clear(triple.program, triple.signature.pack(inputs), watch)


@pytest.mark.parametrize("name", SMALL)
def test_every_value_fits_its_modulus(name: str) -> None:
    builder = SMALL[name]
    triple = compiled(builder.graph(), records=None)
    for _ in range(5):
        assert_every_value_fits(triple, builder.inputs(triple.packing.records))
    extreme = np.sign(builder.inputs(triple.packing.records))
    if name == "logistic":  # its bound is certain, not calibrated
        assert_every_value_fits(triple, extreme)


@pytest.mark.parametrize("name", SMALL)
def test_a_plan_keeps_its_own_promises(name: str) -> None:
    form = normal_form(SMALL[name].graph(), 1.0)
    plan = plan_scales(form)
    parameters = plan.parameters
    assert parameters.log2_qp <= MAX_LOG2_QP[parameters.n]
    assert parameters.primes[-1] == max(parameters.primes)
    assert plan.waterline_bits >= WATERLINE_BITS[parameters.n]
    assert len(plan.op_scales) == len(form.ops)
    for level, scale in zip(op_levels(form, plan), plan.op_scales, strict=True):
        assert 0 <= level - scale.rescales <= level <= parameters.max_level
    for op_scale in plan.op_scales:
        assert all(bits >= WEIGHT_BITS[-1] for bits in op_scale.weight_bits)
    assert MARGIN_BITS > 1  # the sign takes one


def test_smaller_rings_first() -> None:
    form = normal_form(SMALL["two quadratics"].graph(), 1.0)
    plan = plan_scales(form)
    for n in MAX_LOG2_QP:
        if n < plan.parameters.n:
            with pytest.raises(DepthError):
                plan_scales(form, (n,))


def test_depth_that_does_not_fit_is_refused() -> None:
    builder = GraphBuilder((4,))
    for _ in range(20):
        builder.dense(4).poly(2)
    ranges = {layer.name: (-2.0, 2.0) for layer in builder.layers if layer.op == "polynomial"}
    deep = Graph("deep", (4,), tuple(builder.layers), ranges)
    with pytest.raises(DepthError, match=r"20 products in a row do not fit N = 32768") as caught:
        compiled(deep)
    assert "fewer layers" in caught.value.hint


@pytest.mark.parametrize("reach", [2e6, 1e200, float("inf")])
def test_ranges_that_no_modulus_holds_are_refused_by_name(reach: float) -> None:
    graph = GraphBuilder((4,)).dense(4).poly(2).dense(1).graph()
    huge = Graph(graph.name, graph.input_shape, graph.layers, {"polynomial2": (-reach, 1.0)})
    with pytest.raises(RangeError, match="range of layer 'polynomial2' reaches"):
        compiled(huge)


def test_polynomials_of_high_degree_are_refused_by_name() -> None:
    graph = GraphBuilder((4,)).dense(4).poly(16).dense(1).graph()
    with pytest.raises(UnsupportedLayerError, match="'polynomial2' is a polynomial of degree 16"):
        compiled(graph)


# ring, prime sizes, log2 of the input's scale, rescalings of each operation
GOLDEN = {
    "wdbc-logistic": (4096, (36, 33, 37), 25, (1,)),
    "cxr-pneumonia-28": (16384, (50, 46, 46, 46, 46, 50), 27, (1, 0, 1, 0, 1, 0, 1)),
    "cxr-pneumonia-28-fast": (8192, (44, 42, 42, 42, 44), 25, (1, 0, 1, 0, 1)),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_shipped_models_compute_on_small_primes(name: str) -> None:
    _, triple = compiled_model(name)
    assert max(triple.program.parameters.bits[1:-1]) <= LAZY_PRIME_BITS


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_plans(name: str) -> None:
    _, triple = compiled_model(name)
    plan = triple.plan
    found = (
        plan.parameters.n,
        plan.parameters.bits,
        plan.waterline_bits,
        tuple(scale.rescales for scale in plan.op_scales),
    )
    assert found == GOLDEN[name]
