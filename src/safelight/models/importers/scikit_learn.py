"""scikit-learn estimators to drafts: linear classifiers, MLPs, and pipelines of scalers and PCA."""

from __future__ import annotations

from typing import Any

import numpy as np

from safelight.circuit.graph import INPUT, FloatArray, Layer
from safelight.errors import UnsupportedLayerError
from safelight.models.importers.draft import Draft
from safelight.models.importers.refusals import refusal

_ACTIVATIONS = {"relu": "relu", "logistic": "sigmoid", "tanh": "tanh"}
SUPPORTED = (
    "LogisticRegression, LinearSVC, RidgeClassifier, SGDClassifier, LinearDiscriminantAnalysis, "
    "MLPClassifier, and pipelines with StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler "
    "and PCA before them"
)


def is_scikit_learn(model: object) -> bool:
    """Whether an object comes from scikit-learn, without importing it."""
    return any(kind.__module__.partition(".")[0] == "sklearn" for kind in type(model).__mro__)


def draft_of_estimator(model: Any, name: str) -> Draft:
    """The draft of a fitted classifier.

    A scaler that stands first is given in `Draft.standardize`, for the public preprocessing; every
    later transformer is folded into the weights.

    Raises:
        UnsupportedLayerError: An estimator or a transformer that has no encrypted form here.
    """
    steps = _steps(model)
    layers: list[Layer] = []
    standardize = None
    width = int(getattr(steps[0][1], "n_features_in_", 0))
    for index, (step, transformer) in enumerate(steps[:-1], start=1):
        place = f"step {index} of {len(steps)}"
        _need_fitted(transformer, step, place)
        affine = _scaler(transformer, step, place)
        if affine is not None:
            mean, scale = affine
            if index == 1:
                standardize = (mean, scale)
            else:
                layers.append(_scaling(step, _last(layers), mean, scale))
            continue
        matrix, bias = _projection(transformer, step, place)
        layers.append(_dense(step, _last(layers), matrix, bias))
    step, classifier = steps[-1]
    place = f"step {len(steps)} of {len(steps)}"
    _need_fitted(classifier, step, place)
    if type(classifier).__name__ == "MLPClassifier":
        added, final = _mlp(classifier, step, place, _last(layers))
        notes: tuple[str, ...] = ()
    else:
        added, final, notes = _linear(classifier, step, place, _last(layers))
    return Draft(
        name=name,
        input_shape=(width,),
        layers=(*layers, *added),
        final=final,
        classes=tuple(map(str, classifier.classes_)),
        features=tuple(map(str, getattr(model, "feature_names_in_", ()))),
        standardize=standardize,
        notes=notes,
    )


def _steps(model: Any) -> list[tuple[str, Any]]:
    """Names and parts, pipelines inside pipelines laid out flat, ``passthrough`` left out."""
    if type(model).__name__ != "Pipeline":
        return [(type(model).__name__, model)]
    flat: list[tuple[str, Any]] = []
    for name, part in model.steps:
        if part is None or part == "passthrough":
            continue
        inner = _steps(part)
        flat += [(name, part)] if len(inner) == 1 else [(f"{name}/{n}", p) for n, p in inner]
    if not flat:
        raise UnsupportedLayerError("the pipeline has no steps", hint=f"give {SUPPORTED}")
    return flat


def _last(layers: list[Layer]) -> str:
    return layers[-1].name if layers else INPUT


def _need_fitted(part: Any, step: str, place: str) -> None:
    if not hasattr(part, "n_features_in_"):
        raise UnsupportedLayerError(
            f"{step!r} ({type(part).__name__}, {place}) has not been fitted",
            hint="call fit on training data first",
        )


def _scaler(part: Any, step: str, place: str) -> tuple[FloatArray, FloatArray] | None:
    """(mean, scale) of ``(x − mean) / scale``, or None if this is no scaler."""
    kind, width = type(part).__name__, int(part.n_features_in_)
    zeros, ones = np.zeros(width), np.ones(width)
    if kind == "StandardScaler":
        mean = part.mean_ if part.with_mean else zeros
        return np.array(mean, float), np.array(part.scale_ if part.with_std else ones, float)
    if kind == "MinMaxScaler":
        if part.clip:
            raise refusal(kind, step, place, "has clip=True, which compares values", topic="clip")
        return -part.min_ / part.scale_, 1.0 / part.scale_
    if kind == "MaxAbsScaler":
        return zeros, np.array(part.scale_, float)
    if kind == "RobustScaler":
        centre = part.center_ if part.with_centering else zeros
        scale = part.scale_ if part.with_scaling else ones
        return np.array(centre, float), np.array(scale, float)
    return None


def _scaling(name: str, source: str, mean: FloatArray, scale: FloatArray) -> Layer:
    arrays = {"weight": 1.0 / scale, "bias": np.zeros_like(mean), "mean": mean}
    return Layer(
        name, "batch_norm", (source,), {**arrays, "variance": np.ones_like(mean)}, epsilon=0.0
    )


def _projection(part: Any, step: str, place: str) -> tuple[FloatArray, FloatArray]:
    if type(part).__name__ not in ("PCA", "TruncatedSVD"):
        raise refusal(type(part).__name__, step, place, otherwise=f"use {SUPPORTED}")
    matrix = np.array(part.components_, dtype=np.float64)
    if getattr(part, "whiten", False):
        # scikit-learn divides by the deviation, and never by less than this
        least = np.finfo(part.explained_variance_.dtype).eps
        matrix = matrix / np.maximum(np.sqrt(part.explained_variance_), least)[:, None]
    mean = getattr(part, "mean_", None)
    bias = np.zeros(len(matrix)) if mean is None else -matrix @ np.asarray(mean, dtype=np.float64)
    return matrix, bias


def _dense(name: str, source: str, weight: FloatArray, bias: FloatArray) -> Layer:
    arrays = {"weight": np.array(weight, dtype=np.float64), "bias": np.array(bias, float)}
    return Layer(name, "dense", (source,), arrays)


def _linear(
    classifier: Any, step: str, place: str, source: str
) -> tuple[tuple[Layer, ...], str, tuple[str, ...]]:
    kind = type(classifier).__name__
    known = "LogisticRegression LinearSVC RidgeClassifier SGDClassifier LinearDiscriminantAnalysis"
    cross_validated = ("LogisticRegressionCV", "RidgeClassifierCV")
    if kind not in known.split() and kind not in cross_validated:
        raise refusal(kind, step, place, otherwise=f"use {SUPPORTED}")
    weight = np.atleast_2d(np.asarray(classifier.coef_, dtype=np.float64))
    bias = np.broadcast_to(np.asarray(classifier.intercept_, dtype=np.float64), (len(weight),))
    notes: tuple[str, ...] = ()
    if not kind.startswith("LogisticRegression") and kind != "LinearDiscriminantAnalysis":
        notes = (
            f"{kind} gives margins, not probabilities: decisions are its own, and the probability "
            "shown is a squashed margin. Calibrate it before it is read as one.",
        )
    elif len(weight) > 1 and getattr(classifier, "solver", "") == "liblinear":
        notes = (
            "one-against-rest logistic regression: decisions are its own, the probabilities of "
            "softmax differ from those of scikit-learn.",
        )
    final = "sigmoid" if len(weight) == 1 else "softmax"
    return (_dense(step, source, weight, bias),), final, notes


def _mlp(classifier: Any, step: str, place: str, source: str) -> tuple[tuple[Layer, ...], str]:
    if classifier.activation != "identity" and classifier.activation not in _ACTIVATIONS:
        raise refusal(classifier.activation, step, place)
    layers: list[Layer] = []
    pairs = list(zip(classifier.coefs_, classifier.intercepts_, strict=True))
    for index, (weight, bias) in enumerate(pairs, start=1):
        layers.append(_dense(f"{step}/dense{index}", source, np.asarray(weight).T, bias))
        source = layers[-1].name
        if index < len(pairs) and classifier.activation != "identity":
            name = f"{step}/{classifier.activation}{index}"
            layers.append(Layer(name, _ACTIVATIONS[classifier.activation], (source,)))
            source = name
    # one label, or several at once
    return tuple(layers), "sigmoid" if classifier.out_activation_ == "logistic" else "softmax"
