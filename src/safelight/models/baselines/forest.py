"""A random forest: fitted by scikit-learn, kept as plain arrays, asked with NumPy.

Source of the comparison: the first of the papers behind this project reports a random forest on
chest radiographs at 87.1 % accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError, RecordError
from safelight.models.baselines.baseline import Arrays, FloatArray

_LEAF = -1


@dataclass(frozen=True)
class Forest:
    """Trees as arrays, one after the other.

    Args:
        roots: int64 ``[trees]``: first node of each tree.
        left: int64 ``[nodes]``: where to go if the feature is at most the threshold; −1 at a leaf.
        right: int64 ``[nodes]``: where to go otherwise.
        feature: int64 ``[nodes]``.
        threshold: float64 ``[nodes]``.
        values: float64 ``[nodes, columns]``: shares of the classes at each leaf (of several
            findings at once: share that has each).
    """

    roots: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: FloatArray
    values: FloatArray

    def probabilities(self, inputs: FloatArray) -> FloatArray:
        """Mean over the trees of the shares at the leaf that each input reaches."""
        # scikit-learn compares in float32
        table = inputs.reshape(len(inputs), -1).astype(np.float32)
        rows = np.arange(len(table))
        total = np.zeros((len(table), self.values.shape[1]))
        for root in self.roots:
            node = np.full(len(table), root)
            while (inner := self.left[node] != _LEAF).any():
                below = table[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(inner, np.where(below, self.left[node], self.right[node]), node)
            total += self.values[node]
        return np.asarray(total / len(self.roots))

    @property
    def arrays(self) -> Arrays:
        """All fields."""
        names = ("roots", "left", "right", "feature", "threshold", "values")
        return {name: getattr(self, name) for name in names}

    @property
    def options(self) -> Mapping[str, Any]:
        """Nothing else is needed."""
        return {}

    @property
    def parameter_count(self) -> int:
        """A threshold an inner node, and the shares of the leaves."""
        leaves = int((self.left == _LEAF).sum())
        return int(len(self.left) - leaves + leaves * self.values.shape[1])

    @classmethod
    def rebuilt(cls, arrays: Arrays, features: int, columns: int) -> Forest:
        """From `arrays`, which may come from a stranger.

        Raises:
            RecordError: Not a forest: missing arrays, or links that lead outside or in a circle.
        """
        try:
            found = cls(
                roots=np.asarray(arrays["roots"], np.int64),
                left=np.asarray(arrays["left"], np.int64),
                right=np.asarray(arrays["right"], np.int64),
                feature=np.asarray(arrays["feature"], np.int64),
                threshold=np.asarray(arrays["threshold"], np.float64),
                values=np.asarray(arrays["values"], np.float64),
            )
            nodes = len(found.left)
            inner = found.left != _LEAF
            place = np.arange(nodes)
            sound = found.values.shape == (nodes, columns) and len(found.roots) > 0
            sound &= all(
                getattr(found, n).shape == (nodes,) for n in ("right", "feature", "threshold")
            )
            # children come after their parent, so every walk ends
            for child in (found.left, found.right):
                sound &= bool(((child > place) & (child < nodes))[inner].all())
            sound &= bool(((found.feature >= 0) & (found.feature < features))[inner].all())
            sound &= bool(((found.roots >= 0) & (found.roots < nodes)).all())
        except (KeyError, ValueError, TypeError, IndexError) as exc:
            raise RecordError("the stored forest is damaged") from exc
        if not sound:
            raise RecordError("the stored forest has links that lead nowhere")
        return found


def fit_forest(
    inputs: FloatArray, labels: NDArray[np.int64], columns: int, *, seed: int = 0, trees: int = 300
) -> Forest:
    """A forest with scikit-learn's defaults, both classes weighing alike.

    Args:
        inputs: ``[n, …]``.
        labels: Class ``[n]``, or 0 and 1 ``[n, findings]``.
        columns: Number of classes or findings.
        seed: Of everything random.
        trees: How many.

    Raises:
        InputError: scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError as exc:
        raise InputError(
            "this baseline needs scikit-learn, which is not installed",
            hint="pip install 'safelight[data]'",
        ) from exc
    flat = inputs.reshape(len(inputs), -1)
    made = RandomForestClassifier(
        n_estimators=trees, random_state=seed, n_jobs=1, class_weight="balanced_subsample"
    ).fit(flat, labels)
    parts: dict[str, list[NDArray[Any]]] = {n: [] for n in ("left", "right", "feature")}
    thresholds, values, roots, offset = [], [], [], 0
    for each in made.estimators_:
        tree = each.tree_
        for name, source in (("left", tree.children_left), ("right", tree.children_right)):
            parts[name].append(np.where(source < 0, _LEAF, source + offset))
        parts["feature"].append(tree.feature)
        thresholds.append(tree.threshold)
        values.append(_shares(tree.value, made.classes_, columns, labels.ndim == 2))
        roots.append(offset)
        offset += tree.node_count
    return Forest(
        roots=np.array(roots, dtype=np.int64),
        left=np.concatenate(parts["left"]).astype(np.int64),
        right=np.concatenate(parts["right"]).astype(np.int64),
        feature=np.concatenate(parts["feature"]).astype(np.int64),
        threshold=np.concatenate(thresholds),
        values=np.concatenate(values),
    )


def _shares(value: FloatArray, classes: Any, columns: int, several: bool) -> FloatArray:
    """Shares of each class at each node, from scikit-learn's weighted counts."""
    if several:
        counted = [
            row[:, list(known).index(1)] if 1 in known else np.zeros(len(row))
            for row, known in zip(
                (value / value.sum(axis=2, keepdims=True)).transpose(1, 0, 2), classes, strict=True
            )
        ]
        return np.stack(counted, axis=1)
    shares = np.zeros((len(value), columns))
    shares[:, np.asarray(classes, dtype=np.int64)] = value[:, 0] / value[:, 0].sum(1, keepdims=True)
    return shares
