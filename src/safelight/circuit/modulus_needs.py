"""How many bits of modulus a value takes until the answer: a bound that no plan goes below."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from safelight.circuit.normal_form import NormalForm, ProductOp

MARGIN_BITS = 2.0  # sign, noise, and inputs somewhat beyond the calibrated range
_ROUNDING = 1e-6  # of sums of bits: a value is refused only where it fits by no rounding


@dataclass(frozen=True)
class ModulusNeeds:
    """Bits of modulus that each value, the input first, will take beyond those it has taken.

    Bits consumed plus bits of scale never fall: an affine map adds the bits of its weights to
    the largest of what it reads, a product those of its other factor, and rescaling moves bits
    from the one to the other. All of it, with room for the value, lies under the modulus.

    Args:
        least: For each value.
        squared: What its square will take, or less than nothing where it is not squared; the
            square itself takes as many as the value's scale has.
    """

    least: list[float]
    squared: list[float]

    def most(self, value: int, modulus: int) -> float:
        """Bits that a value may have taken at most, so that the output can be reached."""
        return modulus - self.least[value] + _ROUNDING

    def is_squared(self, value: int) -> bool:
        """Whether a square reads the value."""
        return self.squared[value] > 0

    def fits_squared(self, value: int, taken: int, scale: int, modulus: int) -> bool:
        """Whether the square of a value with ``taken`` bits at this scale can reach the output."""
        return taken + scale + self.squared[value] <= modulus + _ROUNDING


def modulus_needs(form: NormalForm, waterline: int, weight_bits: int) -> ModulusNeeds:
    """The needs of all values, where no scale is below the waterline, no weight below its bits."""
    least = [room(form.input_bound), *(room(op.bound) for op in form.ops)]
    squared = [-math.inf] * len(least)
    for index in range(len(form.ops), 0, -1):
        op = form.ops[index - 1]
        added = waterline if isinstance(op, ProductOp) else weight_bits
        for source in op.sources:
            least[source] = max(least[source], added + least[index])
        if isinstance(op, ProductOp) and op.left == op.right:
            squared[op.left] = max(squared[op.left], least[index])
    return ModulusNeeds(least, squared)


def room(bound: float) -> float:
    """Bits above the scale that a value of this magnitude takes; at least the margin.

    The scale itself must lie under the modulus, however small the values are.
    """
    return float(np.log2(max(bound, 1.0))) + MARGIN_BITS
