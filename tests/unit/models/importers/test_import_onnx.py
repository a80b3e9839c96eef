"""ONNX models: equal to ONNX's reference evaluator, refused with name, place and alternative."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="onnx comes with the extra `import`")

from importer_checks import three_points  # noqa: E402
from onnx_models import OnnxBuilder, run  # noqa: E402

import safelight  # noqa: E402
from safelight.errors import DepthError, InputError, SlotCountError, UnsupportedLayerError  # noqa: E402
from safelight.models.importers.frontends import draft_of  # noqa: E402

# no two sizes alike: a swapped axis or a flatten in another order cannot go unseen
SHAPE = (3, 9, 6)


def plain() -> OnnxBuilder:
    b = OnnxBuilder(SHAPE)
    b.conv((4, 3, 3, 2), strides=[2, 1], pads=[1, 0, 1, 0])
    b.norm(4)
    b.add("Mul", b.last, b.last)
    b.add("AveragePool", kernel_shape=[2, 2], strides=[1, 2], count_include_pad=1)
    b.add("Flatten")
    b.gemm(4, 4 * 4 * 2)
    return b


def one_sided_padding() -> OnnxBuilder:
    b = OnnxBuilder(SHAPE, 1)
    b.conv((2, 3, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER")
    b.conv((4, 2, 2, 3), pads=[0, 2, 1, 0])
    b.add("AveragePool", kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1)
    b.add("Flatten")
    b.gemm(2, 4 * 5 * 3)
    return b


def groups_and_dilation() -> OnnxBuilder:
    b = OnnxBuilder(SHAPE, 2)
    b.conv((6, 1, 2, 3), group=3)
    b.conv((2, 6, 2, 2), dilations=[3, 1])
    b.add("Reshape", b.last, b.constant(np.array([0, -1])))
    b.add("MatMul", b.last, b.weight(2 * 5 * 3, 3))
    b.add("Add", b.last, b.constant(np.array([0.5, -1.0, 2.0])))
    return b


def residual_and_joined() -> OnnxBuilder:
    b = OnnxBuilder(SHAPE, 3)
    first = b.conv((4, 3, 3, 3), pads=[1, 1, 1, 1])
    second = b.conv((4, 4, 1, 1))
    total = b.add("Add", first, second)
    scaled = b.add("Div", total, b.constant(np.array(2.0)))
    shifted = b.add("Sub", b.constant(np.ones((4, 1, 1))), scaled)
    b.add("Concat", total, shifted, axis=1)
    b.add("GlobalAveragePool")
    b.add("Squeeze", b.last, b.constant(np.array([2, 3])))
    b.gemm(1, 8)
    return b


def shape_arithmetic() -> OnnxBuilder:
    """As older exporters write ``x.view(x.size(0), -1)``."""
    b = OnnxBuilder(SHAPE, 4)
    conv = b.conv((2, 3, 3, 3))
    b.add("Shape")
    b.add("Gather", b.last, b.constant(np.array(0)), axis=0)
    size = b.add("Unsqueeze", b.last, b.constant(np.array([0])))
    target = b.add("Concat", size, b.constant(np.array([-1])), axis=0)
    b.add("Reshape", conv, target)
    b.gemm(2, 2 * 7 * 4)
    return b


LINEAR = [plain, one_sided_padding, groups_and_dilation, residual_and_joined, shape_arithmetic]


@pytest.mark.parametrize("build", LINEAR, ids=lambda build: build.__name__)
def test_layers_at_three_points(build: Callable[[], OnnxBuilder]) -> None:
    b = build()
    inputs, model = b.inputs(), b.model()
    imported = safelight.compile_model(model, inputs)
    assert imported.replaced == ()
    encrypted = build in (plain, residual_and_joined)
    three_points(imported, inputs[:8], run(model, inputs[:8]), encrypted=encrypted)


def silu(b: OnnxBuilder, x: str) -> None:
    b.add("Mul", x, b.add("Sigmoid", x))


def gelu(b: OnnxBuilder, x: str) -> None:
    erf = b.add("Erf", b.add("Div", x, b.constant(np.array(np.sqrt(2.0)))))
    half = b.add("Mul", x, b.add("Add", erf, b.constant(np.array(1.0))))
    b.add("Mul", half, b.constant(np.array(0.5)))


def gelu_otherwise(b: OnnxBuilder, x: str) -> None:
    erf = b.add("Erf", b.add("Mul", x, b.constant(np.array(np.sqrt(0.5)))))
    whole = b.add("Add", b.constant(np.array(1.0)), erf)
    b.add("Mul", b.add("Mul", x, b.constant(np.array(0.5))), whole)


def simple(kind: str, **attributes: Any) -> Callable[[OnnxBuilder, str], None]:
    return lambda b, x: b.add(kind, x, **attributes) and None


ACTIVATIONS: dict[str, tuple[str, Callable[[OnnxBuilder, str], None]]] = {
    "relu": ("relu", simple("Relu")),
    "sigmoid": ("sigmoid", simple("Sigmoid")),
    "tanh": ("tanh", simple("Tanh")),
    "gelu": ("gelu", simple("Gelu")),
    "gelu by tanh": ("gelu_tanh", simple("Gelu", approximate="tanh")),
    "hard swish": ("hard_swish", simple("HardSwish")),
    "silu written out": ("silu", silu),
    "gelu written out": ("gelu", gelu),
    "gelu written out otherwise": ("gelu", gelu_otherwise),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_recognised(name: str) -> None:
    kind, write = ACTIVATIONS[name]
    b = OnnxBuilder((5,), 7)
    b.gemm(6, 5)
    write(b, b.last)
    b.gemm(2, 6)
    inputs, model = b.inputs(), b.model()
    imported = safelight.compile_model(model, inputs)
    assert [one.activation for one in imported.replaced] == [kind]
    # the evaluator's own constants may be float32
    np.testing.assert_allclose(imported.draft.evaluate(inputs), run(model, inputs), atol=1e-6)
    three_points(imported, inputs[:4], imported.draft.evaluate(inputs[:4]), encrypted=False)


@pytest.mark.parametrize(
    ("last", "outputs", "activation"),
    [("Softmax", 3, "softmax"), ("LogSoftmax", 2, "softmax"), ("Sigmoid", 1, "sigmoid")],
)
def test_the_last_activation_is_left_to_the_client(
    last: str, outputs: int, activation: str
) -> None:
    b = OnnxBuilder((5,))
    logits = b.gemm(outputs, 5)
    b.add(last)
    inputs = b.inputs()
    imported = safelight.compile_model(b.model(), inputs)
    assert imported.compiled.signature.outputs.activation == activation
    found = imported.draft.evaluate(inputs)
    np.testing.assert_allclose(found, run(b.model(logits), inputs), atol=1e-9)
    probabilities = imported.compiled.signature.probabilities(found)
    expected = run(b.model(), inputs)
    expected = np.exp(expected) if last == "LogSoftmax" else expected
    np.testing.assert_allclose(probabilities[:, -1], expected[:, -1], atol=1e-9)


def refused(b: OnnxBuilder, *outputs: str) -> UnsupportedLayerError:
    with pytest.raises(UnsupportedLayerError) as caught:
        safelight.compile_model(b.model(*outputs), b.inputs())
    return caught.value


def test_max_pooling_is_refused_for_average_pooling() -> None:
    b = OnnxBuilder(SHAPE)
    b.conv((2, 3, 3, 3))
    b.add("MaxPool", name="pool1", kernel_shape=[2, 2], strides=[2, 2])
    b.add("Flatten")
    b.gemm(2, 2 * 3 * 2)
    error = refused(b)
    assert "'pool1' (MaxPool, layer 2 of 4)" in error.message
    assert "average pooling" in error.hint


@pytest.mark.parametrize(
    ("kind", "attributes", "hint"),
    [
        ("Softmax", {"axis": 1}, "--split"),
        ("Transpose", {"perm": [0, 2, 3, 1]}, "[records, channels, height, width]"),
        ("Abs", {}, "smooth activations"),
        ("Exp", {}, "activations"),
        ("LeakyRelu", {"alpha": 0.3}, "usual parameters"),
    ],
)
def test_what_cannot_be_encrypted_is_named(
    kind: str, attributes: dict[str, Any], hint: str
) -> None:
    b = OnnxBuilder(SHAPE)
    b.conv((2, 3, 3, 3))
    b.add(kind, name="odd/one", **attributes)
    b.add("Flatten")
    b.gemm(2, 2 * 7 * 4)
    error = refused(b)
    assert f"'odd/one' ({kind}, operation 2 of 4)" in error.message
    assert hint in error.hint


def test_a_transposed_convolution_is_not_a_matter_of_layout() -> None:
    b = OnnxBuilder(SHAPE)
    b.add("ConvTranspose", b.last, b.weight(3, 2, 2, 2), name="up")
    b.add("Flatten")
    b.gemm(2, 2 * 10 * 7)
    error = refused(b)
    assert "'up' (ConvTranspose, operation 1 of 3)" in error.message
    assert "larger" in error.hint


def test_weights_that_are_not_finite_are_named() -> None:
    b = OnnxBuilder((4,))
    b.gemm(3, 4)
    b.add("Gemm", b.last, b.constant(np.full((2, 3), np.nan)), transB=1, name="head")
    error = refused(b)
    assert "'head' (dense, layer 2 of 2) has 6 weights that are not finite" in error.message
    assert "train" in error.hint


def test_two_encrypted_values_are_not_multiplied() -> None:
    b = OnnxBuilder((4,))
    first, second = b.gemm(3, 4), b.gemm(3, 3)
    b.add("Mul", first, second, name="product")
    b.gemm(1, 3)
    assert "multiplies two different encrypted values" in refused(b).message


def test_pooling_that_leaves_padding_out_is_refused() -> None:
    b = OnnxBuilder(SHAPE)
    b.add("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    b.add("Flatten")
    b.gemm(2, 3 * 9 * 6)
    assert "count_include_pad" in refused(b).message


def test_several_sigmoids_are_findings_of_their_own() -> None:
    b = OnnxBuilder((5,))
    b.gemm(3, 5)
    b.add("Sigmoid")
    imported = safelight.compile_model(b.model(), b.inputs(), classes=("a", "b", "c"))
    assert imported.compiled.signature.outputs.kind == "multilabel"


def test_files_are_read_and_damaged_ones_refused(tmp_path: Path) -> None:
    b = plain()
    path = tmp_path / "model.onnx"
    path.write_bytes(b.model().SerializeToString())
    inputs = b.inputs()
    draft = draft_of(path, "file", None)
    np.testing.assert_allclose(draft.evaluate(inputs), run(b.model(), inputs), atol=1e-9)
    model = b.model()
    model.graph.node[1].input[0] = "nowhere"
    with pytest.raises(InputError, match="cannot be read: Nodes in a graph must be topolog"):
        safelight.compile_model(model, inputs)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError, match="cannot be read"):
        safelight.compile_model(path, inputs)
    with pytest.raises(InputError, match="1 inputs and 2 outputs"):
        safelight.compile_model(b.model("flatten_4", b.last), inputs)


def test_weights_in_another_file_are_not_followed(tmp_path: Path) -> None:
    b = plain()
    model = b.model()
    for tensor in model.graph.initializer:
        tensor.data_location = onnx.TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", "/etc/passwd"
    with pytest.raises(InputError, match="another file"):
        safelight.compile_model(model.SerializeToString(), b.inputs())


def test_a_model_that_is_too_deep_names_its_activations(monkeypatch: pytest.MonkeyPatch) -> None:
    b = OnnxBuilder((4,))
    for index in range(25):
        b.gemm(4, 4)
        b.add("Relu", name=f"relu_{index}")
    b.gemm(1, 4)
    for fine_tune in (0, 1):  # with torch or without: refused before it is asked for
        monkeypatch.setattr("safelight.models.importers.fine_tune.needed", None)
        with pytest.raises(DepthError) as caught:
            safelight.compile_model(b.model(), b.inputs(), fine_tune=fine_tune)
        assert "relu_24" in caught.value.message
        assert "--split" in caught.value.hint


def test_a_model_with_too_many_values_names_the_layer() -> None:
    b = OnnxBuilder((1, 128, 100))
    b.conv((2, 1, 1, 1))
    b.add("Mul", b.last, b.last, name="squares")
    b.add("GlobalAveragePool")
    b.add("Flatten")
    b.gemm(1, 2)
    with pytest.raises(SlotCountError, match=r"'squares' .* has 25600 elements"):
        safelight.compile_model(b.model(), b.inputs(8))
