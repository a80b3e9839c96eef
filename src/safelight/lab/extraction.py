"""Model extraction: how many answers until a copy agrees with the original.

The attacker is a client: it has images of the kind, asks about them, and trains a copy on the
answers. Encryption protects the client from the service, not the service from its clients; what
slows a copy is coarse answers and quotas.

**Source**: Tramèr et al. 2016 (extraction through prediction APIs); Jagielski et al. 2020,
section 2 (agreement, there "fidelity", as the measure).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import logits_of, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import InputError
from safelight.models.held_out import held_out
from safelight.models.registry import TrainedModel

FloatArray = NDArray[np.float64]

QUERIES = (10, 30, 100, 300, 1000, 3000)
GOAL = 0.95
_REPEATS = 3
_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class ExtractionRow:
    """Copies after a number of queries; means over repeats.

    Args:
        answers: What the attacker gets to see.
        queries: How many answers.
        agreement: Share of test inputs on which copy and original decide alike.
        agreement_low: Smallest over repeats.
        agreement_high: Largest.
        same_finding: Agreement of a copy that always says the original's commonest finding.
    """

    answers: str
    queries: int
    agreement: float
    agreement_low: float
    agreement_high: float
    same_finding: float


def extraction_rows(
    model: TrainedModel,
    *,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Iterator[ExtractionRow]:
    """The curve for raw logits, probabilities to three decimals and findings only.

    Args:
        model: With one logit and its data at hand.
        seed: Of the choice of queries.
        progress: Told of (phase, done, total).

    Raises:
        InputError: A model of several logits.
    """
    outputs = model.meaning.outputs
    if outputs.logits != 1:
        raise InputError(
            f"{model.name!r} answers {outputs.logits} numbers; extraction is written for one",
            hint="take a model with two classes",
        )
    asked, judged = held_out(model, split="train").inputs, held_out(model, split="test").inputs
    answers = {}
    raw = logits_of(outputs, evaluate(model.graph, asked))
    probability = probabilities(outputs, raw)[:, 1]
    answers["logit, unrounded (never released)"] = raw[:, 0]
    rounded = np.clip(np.round(probability, 3), 5e-4, 1 - 5e-4)
    answers["probability, 3 decimals (released)"] = np.log(rounded / (1 - rounded))
    answers["finding only"] = np.where(probability > 0.5, 1.0, -1.0)
    truth = probabilities(outputs, logits_of(outputs, evaluate(model.graph, judged)))[:, 1] > 0.5
    common = max(float(truth.mean()), 1 - float(truth.mean()))

    flat = asked.reshape(len(asked), -1)
    scale = 1 / (flat.var(axis=0).sum() * 2)
    counts = [count for count in QUERIES if count <= len(flat)]
    total, done = len(answers) * len(counts), 0
    for name, values in answers.items():
        for count in counts:
            agreements = []
            for repeat in range(_REPEATS):
                chosen = np.random.default_rng(seed + repeat).permutation(len(flat))[:count]
                copy = _Copy(flat[chosen], values[chosen], scale)
                decided = copy(judged.reshape(len(judged), -1)) > 0
                agreements.append(float((decided == truth).mean()))
            done += 1
            progress("extraction", done, total)
            yield ExtractionRow(
                name, count, float(np.mean(agreements)), min(agreements), max(agreements), common
            )


class _Copy:
    """Kernel ridge regression, its ridge chosen on a fifth of the queries."""

    def __init__(self, inputs: FloatArray, values: FloatArray, scale: float) -> None:
        self._inputs, self._scale = inputs, scale
        kernel = self._kernel(inputs)
        kept = max(1, len(inputs) * 4 // 5)
        errors = []
        for ridge in _RIDGES:
            weights = self._solved(kernel[:kept, :kept], values[:kept], ridge)
            predicted = kernel[kept:, :kept] @ weights + values[:kept].mean()
            errors.append(float(((predicted - values[kept:]) ** 2).sum()))
        self._mean = float(values.mean())
        self._weights = self._solved(kernel, values, _RIDGES[int(np.argmin(errors))])

    @staticmethod
    def _solved(kernel: FloatArray, values: FloatArray, ridge: float) -> FloatArray:
        eye = np.eye(len(kernel))
        return np.asarray(np.linalg.solve(kernel + ridge * eye, values - values.mean()))

    def _kernel(self, inputs: FloatArray) -> FloatArray:
        squares = (inputs**2).sum(axis=1)[:, None] + (self._inputs**2).sum(axis=1)[None]
        distance = np.maximum(squares - 2 * inputs @ self._inputs.T, 0)
        return np.asarray(np.exp(-self._scale * distance))

    def __call__(self, inputs: FloatArray) -> FloatArray:
        return np.asarray(self._kernel(inputs) @ self._weights + self._mean)


def queries_needed(rows: list[ExtractionRow], answers: str) -> int | None:
    """The fewest queries of the curve that reach the goal; None if none does."""
    reached = (r.queries for r in rows if r.answers == answers and r.agreement >= GOAL)
    return min(reached, default=None)
