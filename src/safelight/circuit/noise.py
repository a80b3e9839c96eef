"""How far the answer of a plan will be off: a rule of thumb that ranks plans, not a promise.

Root mean squares, taken as independent, go through the operations of the normal form. What is
exact is not modelled: the tests decrypt the shipped models' answers and compare them.

Sources of error, in coefficients of the plaintext polynomial and by a factor √N larger in slots:

- encryption: σ = 3.2, in the input at its scale;
- weights: rounded to integers at their scale, 1/√12 a coefficient, met by every product;
- rescaling: what is rounded meets a ternary secret with two thirds of N non-zero coefficients;
- a rotation of what an affine map reads: digits below q against a special prime P.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from safelight.circuit.normal_form import AffineOp, NormalForm, ProductOp

FRESH_SIGMA = 3.2  # SEAL's standard deviation of encryption errors
# Root mean square of a value whose largest magnitude is 1: activations are rarely near it. Fitted
# to the shipped models, whose answers decrypt as exactly as predicted within a factor of three.
TYPICAL_MAGNITUDE = 0.08
# Digits of a key switch, of which each adds its error: about as many as a model has levels.
_TYPICAL_DIGITS = 4


class NoiseModel:
    """Predicts the error of answers for plans of one model.

    Args:
        form: The model, its values of magnitude one (`safelight.circuit.normalise`).
        n: Ring degree.
    """

    def __init__(self, form: NormalForm, n: int) -> None:
        self._form = form
        self._root = math.sqrt(n)
        self._weight_rounding = math.sqrt(n / 12)
        self._rescaling = math.sqrt(n * 2 * n / 3 / 12)
        self._rotation = FRESH_SIGMA * math.sqrt(_TYPICAL_DIGITS * n * n / 12)
        self._typical = [TYPICAL_MAGNITUDE * form.input_bound]
        for op in form.ops:
            self._typical.append(
                self._typical[op.left] * self._typical[op.right]
                if isinstance(op, ProductOp)
                else TYPICAL_MAGNITUDE * op.bound
            )
        self._gains = [_gains(op) if isinstance(op, AffineOp) else [] for op in form.ops]

    def fresh(self, scale_bits: int) -> float:
        """Error of the input's elements at this scale."""
        return self._root * FRESH_SIGMA * 2.0**-scale_bits

    def after(
        self,
        index: int,
        errors: Sequence[float],
        scale_bits: Sequence[int],
        weight_bits: Sequence[int],
        rescaled_to: int | None,
        special_lead_bits: int,
    ) -> float:
        """Root mean square error of an element of one operation's result.

        Args:
            index: Which operation.
            errors: Of the values that it reads, in the order of its sources.
            scale_bits: Scales of the same.
            weight_bits: Scale of the weights of each term.
            rescaled_to: Bits of scale after rescaling, or None without.
            special_lead_bits: By how much the special prime exceeds the others.
        """
        op = self._form.ops[index]
        rotation = self._rotation * 2.0**-special_lead_bits
        if isinstance(op, ProductOp):
            squared = sum(
                (self._typical[other] * error) ** 2
                for other, error in ((op.right, errors[0]), (op.left, errors[1]))
            )
            if op.left == op.right:
                squared *= 2  # the two errors are one
        else:
            squared = sum(
                gain**2 * (error**2 + (rotation * 2.0**-scale) ** 2)
                + fan_in * (self._typical[source] * self._weight_rounding * 2.0**-bits) ** 2
                for (source, _), (gain, fan_in), error, scale, bits in zip(
                    op.terms, self._gains[index], errors, scale_bits, weight_bits, strict=True
                )
            )
        if rescaled_to is not None:
            squared += self._rescaling**2 * 4.0**-rescaled_to
        return math.sqrt(squared)


def _gains(op: AffineOp) -> list[tuple[float, float]]:
    """For each term the root mean square of its rows' norms, and its entries a row."""
    found = []
    for _, matrix in op.terms:
        rows = max(matrix.shape[0], 1)
        found.append(
            (math.sqrt(float(np.square(matrix.values).sum()) / rows), matrix.nonzeros / rows)
        )
    return found
