"""The search over scales: leaving out what cannot fit loses no plan, and bounds the work."""

from __future__ import annotations

import pytest

from circuit_graphs import GraphBuilder
from safelight.circuit import scale_search
from safelight.circuit.graph import Graph
from safelight.circuit.modulus_needs import ModulusNeeds
from safelight.circuit.normal_form import NormalForm, normal_form
from safelight.circuit.normalise import normalised
from safelight.circuit.scale_search import Chain, ScaleSearch
from safelight.circuit.scales import plan_scales
from safelight.errors import DepthError

N = 16384
SMALL = {
    "quadratics": GraphBuilder((6,)).dense(4).poly(2).dense(4).poly(2).dense(2),
    "quintic": GraphBuilder((6,)).dense(4).poly(5).dense(2),
    "residual": GraphBuilder((8,)).dense(8).poly(2).dense(8).residual("dense1").poly(2).dense(1),
}
CHAINS = [
    Chain(depth, bits, min(bits + 4, 438 - (depth + 1) * bits), 24, weight_bits)
    for depth in (2, 3, 4, 6)
    for bits in (30, 38, 42, 46)
    for weight_bits in (17, 23)
]


def form_of(builder: GraphBuilder) -> NormalForm:
    ranges = {layer.name: (-2.0, 2.0) for layer in builder.layers if layer.op == "polynomial"}
    graph = Graph("small", builder.input_shape, tuple(builder.layers), ranges)
    return normalised(normal_form(graph, 1.0))


@pytest.mark.parametrize("name", SMALL)
def test_what_is_left_out_would_not_have_fitted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    form = form_of(SMALL[name])
    pruned = [ScaleSearch(form, N).best(chain, 4) for chain in CHAINS]
    feasible = [ScaleSearch(form, N).feasible(chain) for chain in CHAINS]
    monkeypatch.setattr(ModulusNeeds, "most", lambda *_: 1e9)
    monkeypatch.setattr(ModulusNeeds, "fits_squared", lambda *_: True)
    whole = [ScaleSearch(form, N).best(chain, 4) for chain in CHAINS]
    assert pruned == whole
    assert feasible == [plan is not None for plan in whole]
    assert 0 < sum(feasible) < len(CHAINS)


class Counter:
    """Counts how often operations were extended: a refusal's cost without a clock."""

    def __init__(self) -> None:
        self.count = 0

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        original = scale_search._moved

        def counted(*arguments: object) -> tuple[int, ...]:
            self.count += 1
            return original(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(scale_search, "_moved", counted)


@pytest.mark.parametrize(("degree", "layers"), [(2, 18), (2, 30), (3, 10), (5, 7), (7, 8)])
def test_models_that_are_too_deep_are_refused_soon(
    degree: int, layers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = GraphBuilder((4,))
    for _ in range(layers):
        builder.dense(4).poly(degree)
    form = form_of(builder)
    counter = Counter()
    counter.watch(monkeypatch)
    with pytest.raises(DepthError, match="do not fit N = 32768"):
        plan_scales(form)
    assert counter.count < 5_000
