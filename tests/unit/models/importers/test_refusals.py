"""Hints by exact operator names: each framework's spelling finds its own, and no other's."""

from __future__ import annotations

import pytest

from safelight.models.importers.refusals import _HINTS, _OPERATORS, LAYERS, refusal


@pytest.mark.parametrize(
    ("kinds", "hint"),
    [
        (("ConvTranspose", "conv_transpose2d", "upsample_nearest2d", "Resize"), "larger"),
        (("Transpose", "permute", "slice"), "[records, channels, height, width]"),
        (("MaxPool", "max_pool2d", "max_pool2d_with_indices"), "average pooling"),
        (("layer_norm", "LayerNormalization", "native_group_norm", "LRN"), "batch norm"),
        (("com.microsoft.Attention", "scaled_dot_product_attention"), "--split"),
        (("DynamicQuantizeLinear", "QLinearConv"), "floating point"),
        (("mul_", "MatMul"), "by itself or by a constant"),
        (("prelu", "Exp"), "become polynomials"),
        (("PolynomialFeatures",), "the products into the records"),
        (("CalibratedClassifierCV",), "the classifier inside it"),
        (("RandomForestClassifier", "GradientBoostingClassifier"), "trees compare"),
        (("SVC", "KNeighborsClassifier"), "LinearSVC"),
        (("GridSearchCV",), "best_estimator_"),
        (("Frobnicate", "com.example.Max2"), LAYERS),
    ],
)
def test_each_kind_has_the_hint_of_its_own(kinds: tuple[str, ...], hint: str) -> None:
    for kind in kinds:
        error = refusal(kind, "here", "operation 1 of 2")
        assert error.message == f"'here' ({kind}, operation 1 of 2) has no encrypted form"
        assert hint in error.hint


def test_a_topic_goes_before_the_kind_and_the_other_hint_is_last() -> None:
    assert "usual parameters" in refusal("Clip", "a", "b", topic="activation").hint
    assert refusal("GaussianNB", "a", "b", otherwise="use that").hint == "use that"


def test_names_stand_in_one_list_as_they_are_looked_up() -> None:
    names = [name for row in _OPERATORS.values() for name in row.split()]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() and name == name.lower() for name in names)
    assert set(_OPERATORS) <= set(_HINTS)
