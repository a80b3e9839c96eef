"""Each kind of layer: the reference is PyTorch's, and the normal form is the reference's."""

from __future__ import annotations

import numpy as np
import pytest

from circuit_graphs import GraphBuilder
from safelight.circuit.im2col import patched
from safelight.circuit.normal_form import AffineOp, normal_form
from safelight.circuit.normalise import normalised
from safelight.circuit.reference import evaluate, evaluate_all

TOLERANCE = 1e-9

CASES = {
    "dense": GraphBuilder((7,)).dense(4),
    "dense without bias": GraphBuilder((2, 3, 2)).dense(3, bias=False),
    "convolution": GraphBuilder((2, 6, 5)).conv(3),
    "strided": GraphBuilder((1, 9, 8)).conv(2, (3, 2), (2, 3), (1, 0)),
    "padded beyond": GraphBuilder((1, 3, 3)).conv(2, (5, 5), (2, 2), (2, 2), bias=False),
    "pointwise": GraphBuilder((3, 2, 2)).conv(2, (1, 1)),
    "pooling": GraphBuilder((2, 6, 6)).pool(),
    "overlapping pooling": GraphBuilder((2, 6, 7)).pool((3, 2), (1, 2), (1, 1)),
    "batch norm of planes": GraphBuilder((3, 4, 2)).norm(),
    "batch norm of features": GraphBuilder((5,)).norm(),
    "flatten": GraphBuilder((2, 3, 4)).flatten().dense(2),
    "constant and linear": GraphBuilder((4,)).poly(1).dense(2),
    "quadratic": GraphBuilder((4,)).poly(2).dense(2),
    "cubic": GraphBuilder((4,)).poly(3),
    "quartic": GraphBuilder((4,)).poly(4).dense(2),
    "quintic": GraphBuilder((4,)).poly(5),
    "quadratics by channel": GraphBuilder((3, 2, 2)).poly(2, per_channel=True).dense(2),
    "cubics by channel": GraphBuilder((3, 2, 2)).poly(3, per_channel=True),
    "residual of input": GraphBuilder((2, 4, 4)).conv(2, padding=(1, 1)).residual("input"),
    "residual": GraphBuilder((2, 4, 4))
    .conv(3, padding=(1, 1))
    .poly(2)
    .conv(3, padding=(1, 1))
    .residual("polynomial2")
    .poly(2)
    .pool((4, 4))
    .dense(2),
    "twice the same": GraphBuilder((5,)).dense(3).residual("dense1").poly(2),
    "all of them": GraphBuilder((1, 8, 8))
    .conv(4, padding=(1, 1))
    .norm()
    .poly(2, per_channel=True)
    .pool()
    .conv(3)
    .norm()
    .poly(3)
    .flatten()
    .dense(5)
    .poly(2)
    .dense(2),
}


@pytest.mark.parametrize("name", CASES)
def test_the_normal_form_is_the_reference(name: str) -> None:
    builder = CASES[name]
    graph = builder.graph()
    inputs = builder.inputs(7)
    form = normal_form(graph, 1.0)
    found = form.evaluate(inputs.reshape(7, -1))
    expected = evaluate(graph, inputs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", CASES)
def test_bounds_hold(name: str) -> None:
    """No value exceeds its bound for inputs that keep within the calibrated ranges."""
    builder = CASES[name]
    form = normal_form(builder.graph(), 1.0)
    values = [builder.inputs(100).reshape(100, -1)]
    for op in form.ops:
        shorter = type(form)(form.input_shape, form.input_bound, form.ops[: len(values)])
        values.append(shorter.evaluate(values[0]))
        assert np.abs(values[-1]).max() <= op.bound + TOLERANCE, op.name


@pytest.mark.parametrize("name", CASES)
def test_normalising_changes_bounds_and_no_answer(name: str) -> None:
    builder = CASES[name]
    form = normal_form(builder.graph(), 1.0)
    found = normalised(form)
    inputs = builder.inputs(7).reshape(7, -1)
    np.testing.assert_allclose(
        found.evaluate(inputs), form.evaluate(inputs), atol=TOLERANCE, rtol=TOLERANCE
    )
    assert found.ops[-1].bound == pytest.approx(form.ops[-1].bound)
    if isinstance(form.ops[-1], AffineOp):
        between = [op for op in found.ops[:-1] if isinstance(op, AffineOp)]
        assert all(op.bound == pytest.approx(1.0) for op in between)


@pytest.mark.parametrize(
    "builder",
    [
        GraphBuilder((2, 6, 5)).conv(3),
        GraphBuilder((1, 9, 8)).conv(2, (3, 2), (2, 3), (1, 0)).poly(2).dense(2),
        GraphBuilder((3, 4, 4)).conv(2, (4, 4), bias=False),
    ],
)
def test_patches_give_the_same_answers(builder: GraphBuilder) -> None:
    graph = builder.graph()
    inputs = builder.inputs(4)
    patches = patched(graph, 4096)
    assert patches is not None
    flat = np.concatenate([inputs.reshape(4, -1), np.zeros((4, 1))], axis=1)  # −1 is the zero
    gathered = flat[:, patches.gather].reshape(4, *patches.graph.input_shape)
    np.testing.assert_allclose(
        evaluate(patches.graph, gathered), evaluate(graph, inputs), atol=TOLERANCE
    )


def test_patches_only_where_they_are_of_use() -> None:
    assert patched(GraphBuilder((5,)).dense(2).graph(), 4096) is None
    assert patched(GraphBuilder((2, 4, 4)).conv(2, (1, 1)).graph(), 4096) is None
    conv = GraphBuilder((2, 6, 6)).conv(2)
    assert patched(conv.graph(), 2 * 9 * 16) is not None
    assert patched(conv.graph(), 2 * 9 * 16 - 1) is None
    shared = GraphBuilder((2, 6, 6)).conv(2, padding=(1, 1)).residual("input")
    assert patched(shared.graph(), 4096) is None


def test_the_reference_is_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    builder = GraphBuilder((3, 9, 8), seed=4)
    builder.conv(4, (3, 2), (2, 1), (1, 0)).norm().pool((2, 3), (1, 2), (0, 1)).flatten().dense(3)
    graph = builder.graph()
    inputs = builder.inputs(5)
    values = evaluate_all(graph, inputs)
    conv, norm, pool, _, dense = graph.layers

    def tensors(layer: int, *roles: str) -> list[object]:
        return [torch.from_numpy(graph.layers[layer].arrays[role]) for role in roles]

    value = torch.from_numpy(inputs)
    value = functional.conv2d(value, *tensors(0, "weight", "bias"), stride=(2, 1), padding=(1, 0))
    np.testing.assert_allclose(values[conv.name], value.numpy(), atol=TOLERANCE)
    value = functional.batch_norm(
        value, *tensors(1, "mean", "variance", "weight", "bias"), eps=norm.epsilon
    )
    np.testing.assert_allclose(values[norm.name], value.numpy(), atol=TOLERANCE)
    value = functional.avg_pool2d(value, (2, 3), (1, 2), (0, 1), count_include_pad=True)
    np.testing.assert_allclose(values[pool.name], value.numpy(), atol=TOLERANCE)
    value = functional.linear(value.flatten(1), *tensors(4, "weight", "bias"))
    np.testing.assert_allclose(values[dense.name], value.numpy(), atol=TOLERANCE)
    np.testing.assert_allclose(evaluate(graph, inputs), value.numpy(), atol=TOLERANCE)


def test_polynomials_are_pythons() -> None:
    builder = GraphBuilder((2, 2, 1)).poly(4, per_channel=True)
    graph = builder.graph()
    inputs = builder.inputs(3)
    rows = graph.layers[0].arrays["coefficients"]
    found = evaluate_all(graph, inputs)["polynomial1"]
    for record in range(3):
        for channel in range(2):
            x = inputs[record, channel]
            expected = sum(c * x**power for power, c in enumerate(rows[channel]))
            np.testing.assert_allclose(found[record, channel], expected, atol=TOLERANCE)
