"""scikit-learn classifiers: logits equal, what cannot be encrypted is named."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn comes with the extra `data`")

from importer_checks import three_points
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, PolynomialFeatures, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

import safelight
from safelight.errors import CompileError, InputError, RecordError, UnsupportedLayerError
from safelight.imaging import Preprocessing
from safelight.models.importers.imported_model import ImportedModel
from safelight.models.importers.scikit_learn import SUPPORTED

RANDOM = np.random.default_rng(5)
SPREAD = np.array([1.0, 300.0, 0.01, 5.0, 40.0, 2.0])
RECORDS = RANDOM.normal(size=(160, 6)) * SPREAD + 3 * SPREAD
TWO = (RECORDS[:, 0] + RECORDS[:, 1] / 300 - RECORDS[:, 2] * 100 > 3).astype(int)
THREE = np.digitize(RECORDS[:, 1] / 300 - RECORDS[:, 3] / 5, [-0.7, 0.7])


def fitted(model: Any, labels: np.ndarray) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(RECORDS, labels)


def prepared(imported: ImportedModel) -> np.ndarray:
    """The records after the public steps."""
    steps = Preprocessing.from_json(dict(imported.compiled.signature.preprocessing))
    return steps.apply_record(RECORDS)


def logits_of(model: Any) -> np.ndarray:
    values = model.decision_function(RECORDS)
    return values.reshape(len(RECORDS), -1)


LINEAR = {
    "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), TWO),
    "without a scaler": (LogisticRegression(C=1e-4), TWO),
    "multinomial": (make_pipeline(StandardScaler(), LogisticRegression()), THREE),
    "support vectors": (make_pipeline(MinMaxScaler((-1, 1)), LinearSVC()), TWO),
    "projected": (
        make_pipeline(StandardScaler(), PCA(4, whiten=True), StandardScaler(), LinearSVC()),
        THREE,
    ),
    "discriminant": (make_pipeline(RobustScaler(), LinearDiscriminantAnalysis()), THREE),
    "hinge": (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), TWO),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_models_at_three_points(name: str) -> None:
    model, labels = LINEAR[name]
    imported = safelight.compile_model(fitted(model, labels), RECORDS, labels=labels)
    assert imported.replaced == ()
    assert imported.agreement.decisions == 1.0
    encrypted = name in ("multinomial", "projected")
    three_points(imported, prepared(imported), logits_of(model), encrypted=encrypted)


def perceptron(activation: str, labels: np.ndarray) -> Any:
    network = MLPClassifier((7, 5), activation=activation, max_iter=60, random_state=0)
    return fitted(make_pipeline(StandardScaler(), network), labels)


def perceptron_logits(model: Any) -> np.ndarray:
    """The input of the last activation, from scikit-learn's own numbers."""
    network = model[-1]
    network.out_activation_ = "identity"
    values = np.asarray(network._forward_pass_fast(model[:-1].transform(RECORDS)))
    return values.reshape(len(RECORDS), -1)


@pytest.mark.parametrize("activation", ["relu", "logistic", "tanh", "identity"])
def test_perceptrons_at_three_points(activation: str) -> None:
    labels = THREE if activation == "relu" else TWO
    model = perceptron(activation, labels)
    imported = safelight.compile_model(model, RECORDS, labels=labels)
    assert len(imported.replaced) == (0 if activation == "identity" else 2)
    assert imported.compiled.signature.outputs.classes == tuple(map(str, sorted(set(labels))))
    logits = perceptron_logits(model)
    three_points(imported, prepared(imported), logits, encrypted=activation == "relu")


def test_replaced_activations_are_near_the_original() -> None:
    imported = safelight.compile_model(perceptron("logistic", TWO), RECORDS, labels=TWO)
    assert all(one.error < 0.1 for one in imported.replaced)
    assert imported.agreement.held_out
    assert imported.agreement.decisions >= 0.95
    assert imported.agreement.probability_error < 0.1
    before, after = imported.agreement.accuracy or (0.0, 0.0)
    assert abs(before - after) <= 0.05


def test_the_scaler_is_public_and_the_names_are_kept() -> None:
    model = fitted(make_pipeline(StandardScaler(), LogisticRegression()), TWO)
    names = [f"feature {index}" for index in range(6)]
    imported = safelight.compile_model(
        model, RECORDS, features=names, classes=("benign", "malignant"), name="two-classes"
    )
    signature = imported.compiled.signature
    (step,) = signature.preprocessing["steps"]
    assert step["step"] == "standardize"
    np.testing.assert_allclose(step["mean"], model[0].mean_)
    assert signature.input_names == tuple(names)
    assert signature.outputs.positive == "malignant"


def refused_by(model: Any, labels: np.ndarray = TWO) -> UnsupportedLayerError:
    with pytest.raises(UnsupportedLayerError) as caught:
        safelight.compile_model(fitted(model, labels), RECORDS)
    return caught.value


def test_what_compares_or_has_no_matrix_is_refused_with_its_place() -> None:
    error = refused_by(make_pipeline(StandardScaler(), RandomForestClassifier(3)))
    assert "randomforestclassifier" in error.message
    assert "step 2 of 2" in error.message
    assert "logistic regression" in error.hint
    assert "LinearSVC" in refused_by(SVC()).hint
    error = refused_by(make_pipeline(PolynomialFeatures(2), LogisticRegression()))
    assert "step 1 of 2" in error.message
    assert "the products into the records" in error.hint
    error = refused_by(make_pipeline(MinMaxScaler(clip=True), LogisticRegression()))
    assert "clip=True" in error.message
    assert "clip=False" in error.hint
    assert "classifier inside it" in refused_by(CalibratedClassifierCV(LinearSVC(), cv=2)).hint
    assert refused_by(GaussianNB()).hint == f"use {SUPPORTED}"


def test_weights_that_are_not_finite_are_named() -> None:
    model = fitted(make_pipeline(StandardScaler(), LogisticRegression()), TWO)
    model[-1].coef_ = np.full((1, 6), np.inf)
    with pytest.raises(UnsupportedLayerError, match=r"'logisticregression' .* 6 weights"):
        safelight.compile_model(model, RECORDS)
    model[0].mean_ = np.full(6, np.nan)
    model[-1].coef_ = np.ones((1, 6))
    with pytest.raises(UnsupportedLayerError, match="scaler"):
        safelight.compile_model(model, RECORDS)


def test_a_model_that_was_not_fitted_is_refused() -> None:
    with pytest.raises(UnsupportedLayerError, match="has not been fitted"):
        safelight.compile_model(make_pipeline(StandardScaler(), LogisticRegression()), RECORDS)


def test_several_labels_at_once_are_findings_of_their_own() -> None:
    labels = np.stack([TWO, 1 - TWO], axis=1)
    network = MLPClassifier((3,), activation="identity", max_iter=5, random_state=0)
    model = fitted(make_pipeline(StandardScaler(), network), labels)
    imported = safelight.compile_model(model, RECORDS, classes=("effusion", "mass"))
    signature = imported.compiled.signature
    assert signature.outputs.activation == "sigmoid_each"
    found = signature.probabilities(imported.draft.evaluate(prepared(imported)))
    np.testing.assert_allclose(found, model.predict_proba(RECORDS), atol=1e-9)


def test_calibration_data_must_fit() -> None:
    model = fitted(make_pipeline(StandardScaler(), LogisticRegression()), TWO)
    with pytest.raises(InputError, match="5 features where the model takes 6"):
        safelight.compile_model(model, RECORDS[:, :5])
    with pytest.raises(RecordError, match="not finite"):
        safelight.compile_model(model, np.where(RECORDS > 10, np.nan, RECORDS))
    with pytest.raises(CompileError, match="too few"):
        safelight.compile_model(model, RECORDS[:3])
    with pytest.raises(CompileError, match="class names"):
        safelight.compile_model(model, RECORDS, classes=("a", "b", "c"))
    with pytest.raises(InputError, match="cannot be the name"):
        safelight.compile_model(model, RECORDS, name="../else")
