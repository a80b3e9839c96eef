"""The passes that make a model shallow: how many operations remain."""

from __future__ import annotations

import numpy as np
import pytest

from circuit_graphs import GraphBuilder
from safelight.circuit.graph import Graph, Layer
from safelight.circuit.normal_form import (
    MAX_SQUARE_SHIFT,
    AffineOp,
    NormalForm,
    ProductOp,
    normal_form,
)
from safelight.circuit.reference import evaluate
from safelight.circuit.sparse import SparseMatrix
from safelight.errors import RangeError


def kinds(form: NormalForm) -> str:
    """A for an affine operation, P for a product."""
    return "".join("P" if isinstance(op, ProductOp) else "A" for op in form.ops)


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        (GraphBuilder((6,)).dense(3), "A"),
        (GraphBuilder((6,)).dense(5).dense(4).norm().dense(3), "A"),
        (GraphBuilder((1, 8, 8)).conv(2).norm().pool().flatten().dense(2), "A"),
        # a quadratic costs one product: its shift and factor fold into its neighbours
        (GraphBuilder((1, 8, 8)).conv(2).norm().poly(2).pool().flatten().dense(2), "APA"),
        (GraphBuilder((6,)).dense(4).poly(2).dense(4).poly(2).dense(2), "APAPA"),
        # a polynomial of degree 3 needs x² and x²·x; of degree 5 also x⁴ and x⁴·x. The sum of
        # the powers stays apart: folded into a matrix it would multiply the matrix by each power
        (GraphBuilder((6,)).dense(4).poly(3).dense(2), "APPAA"),
        (GraphBuilder((6,)).dense(4).poly(5).dense(2), "APPPPAA"),
        (GraphBuilder((6,)).dense(4).poly(3).norm(), "APPA"),
        (GraphBuilder((6,)).poly(1).dense(2), "A"),
        # a residual sum of affine maps is one affine map of two terms
        (GraphBuilder((4,)).dense(4).residual("input").poly(2).dense(2), "APA"),
        (GraphBuilder((4,)).poly(2).dense(4).residual("polynomial1").poly(2).dense(1), "APAPA"),
    ],
)
def test_what_remains(builder: GraphBuilder, expected: str) -> None:
    assert kinds(normal_form(builder.graph(), 1.0)) == expected


def test_unused_powers_are_not_computed() -> None:
    coefficients = np.array([0.5, 0.0, 0.0, 0.0, 2.0])
    layer = Layer("p", "polynomial", ("input",), {"coefficients": coefficients})
    graph = Graph("quartic", (3,), (layer,), {"p": (-1.0, 1.0)})
    form = normal_form(graph, 1.0)
    assert kinds(form) == "PPA"  # x², x⁴
    inputs = np.random.default_rng(0).uniform(-1, 1, (4, 3))
    np.testing.assert_allclose(form.evaluate(inputs), evaluate(graph, inputs), atol=1e-12)


def test_trailing_zero_coefficients_lower_the_degree() -> None:
    coefficients = np.array([0.5, 2.0, 0.0, 0.0])
    layer = Layer("p", "polynomial", ("input",), {"coefficients": coefficients})
    form = normal_form(Graph("linear", (3,), (layer,), {"p": (-1.0, 1.0)}), 1.0)
    assert kinds(form) == "A"


def test_a_far_shift_is_not_taken() -> None:
    # a·(x + b/2a)² with b/2a = 500 would square numbers around 500 to find differences of one
    coefficients = np.array([0.0, 1.0, 0.001])
    assert MAX_SQUARE_SHIFT < 500
    layer = Layer("p", "polynomial", ("input",), {"coefficients": coefficients})
    form = normal_form(Graph("flat", (3,), (layer,), {"p": (-1.0, 1.0)}), 1.0)
    assert kinds(form) == "PA"
    assert max(op.bound for op in form.ops) < 2


def test_a_quadratic_with_a_zero_somewhere_goes_by_powers() -> None:
    coefficients = np.array([[0.0, 1.0, 0.5], [0.0, 1.0, 0.0]])
    layer = Layer("p", "polynomial", ("input",), {"coefficients": coefficients})
    graph = Graph("mixed", (2, 1, 2), (layer,), {"p": (-1.0, 1.0)})
    form = normal_form(graph, 1.0)
    inputs = np.random.default_rng(0).uniform(-1, 1, (4, 4))
    np.testing.assert_allclose(form.evaluate(inputs), evaluate(graph, inputs), atol=1e-12)


def test_a_value_read_twice_is_not_folded_away() -> None:
    builder = GraphBuilder((4,)).dense(4).poly(2).dense(4).residual("dense1").poly(2)
    form = normal_form(builder.graph(), 1.0)
    inputs = builder.inputs(3)
    np.testing.assert_allclose(
        form.evaluate(inputs), evaluate(builder.graph(), inputs), atol=1e-9, rtol=0
    )


@pytest.mark.parametrize("interval", [None, (1.0, 1.0), (2.0, -2.0), (float("nan"), 1.0)])
def test_a_polynomial_without_a_range_is_refused_by_name(
    interval: tuple[float, float] | None,
) -> None:
    graph = GraphBuilder((4,)).dense(2).poly(2).graph()
    ranges = {} if interval is None else {"polynomial2": interval}
    with pytest.raises(RangeError, match="'polynomial2' has no calibrated range"):
        normal_form(Graph(graph.name, graph.input_shape, graph.layers, ranges), 1.0)


def test_sparse_matrices_are_numpys() -> None:
    generator = np.random.default_rng(1)
    left = generator.normal(size=(5, 7)) * (generator.random((5, 7)) < 0.4)
    right = generator.normal(size=(7, 6)) * (generator.random((7, 6)) < 0.4)
    a, b = SparseMatrix.from_dense(left), SparseMatrix.from_dense(right)
    vectors = generator.normal(size=(3, 7))
    np.testing.assert_allclose(a.apply(vectors), vectors @ left.T, atol=1e-12)
    product = a.compose(b)
    dense = np.zeros((5, 6))
    dense[product.rows, product.cols] = product.values
    np.testing.assert_allclose(dense, left @ right, atol=1e-12)
    assert a.nonzeros == np.count_nonzero(left)
    assert SparseMatrix.diagonal(np.arange(3.0)).nonzeros == 2
    assert SparseMatrix.diagonal(np.ones(3)).is_diagonal()
    assert not a.is_diagonal()


def test_an_affine_operation_tells_what_it_reads() -> None:
    form = normal_form(GraphBuilder((4,)).dense(4).residual("input").graph(), 1.0)
    (op,) = form.ops
    assert isinstance(op, AffineOp)
    assert op.sources == (0,)  # x + W·x is one matrix
