"""Brings every value between the input and the output to magnitude one.

Scales are fixed-point: a large activation beside small weights wastes bits twice, in the modulus
that must hold the one and in the rounding of the other. Each affine operation is divided by its
bound and its readers multiply by it, which changes no answer. The calibrated range of a layer is
thus what decides how finely its weights are encoded.
"""

from __future__ import annotations

from dataclasses import replace

from safelight.circuit.normal_form import AffineOp, NormalForm, Op, ProductOp
from safelight.circuit.sparse import SparseMatrix


def normalised(form: NormalForm) -> NormalForm:
    """The same function, with bounds of one on all values but the input and the output."""
    gains = [1.0]  # true value = gain · stored value
    ops: list[Op] = []
    for index, op in enumerate(form.ops):
        last = index == len(form.ops) - 1
        if isinstance(op, ProductOp):
            gain = gains[op.left] * gains[op.right]
            if last and gain != 1.0:
                return form  # a product as the answer has no reader that could undo the gain
            ops.append(replace(op, bound=op.bound / gain))
        else:
            gain = 1.0 if last or op.bound == 0.0 else op.bound
            terms = tuple(
                (source, _scaled(matrix, gains[source] / gain)) for source, matrix in op.terms
            )
            ops.append(AffineOp(op.name, op.shape, terms, op.bias / gain, bound=op.bound / gain))
        gains.append(gain)
    return replace(form, ops=tuple(ops))


def _scaled(matrix: SparseMatrix, factor: float) -> SparseMatrix:
    return replace(matrix, values=matrix.values * factor)
