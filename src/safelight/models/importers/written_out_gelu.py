"""GELU as exporters write it out: ``x · (1 + erf(x / √2)) / 2``, in whatever order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

_INVERSE_ROOT_TWO = 1.0 / math.sqrt(2.0)


@dataclass
class WrittenOutGelu:
    """Follows the tensors of the pattern.

    Args:
        scaled: Tensors that are a factor times a layer: (layer, factor).
        stages: Tensors inside the pattern: (stage, layer that x is).
    """

    scaled: dict[str, tuple[str, float]] = field(default_factory=dict)
    stages: dict[str, tuple[str, str]] = field(default_factory=dict)

    def erf(self, source: str, output: str) -> bool:
        """Whether an error function begins the pattern."""
        value, factor = self.scaled.get(source, ("", 0.0))
        if not math.isclose(factor, _INVERSE_ROOT_TWO, rel_tol=1e-6):
            return False
        self.stages[output] = ("erf", value)
        return True

    def advance(
        self, kind: str, tensor: str, other: str | None, number: float | None, output: str
    ) -> str | None:
        """One more operation on a tensor of the pattern.

        Args:
            kind: Operator.
            tensor: The operand inside the pattern.
            other: Layer of the other operand, if it is encrypted.
            number: The other operand, if it is a constant.
            output: Name of the result.

        Returns:
            The layer that the whole is the GELU of; an empty text where more is to come; None
            where this is something else.
        """
        stage, value = self.stages[tensor]
        following = {
            ("Add", "erf", 1.0, None): "one plus erf",
            ("Mul", "one plus erf", 0.5, None): "halved",
            ("Mul", "one plus erf", None, value): "twice",
        }.get((kind, stage, number, other))
        if following is not None:
            self.stages[output] = (following, value)
            return ""
        done = {("Mul", "twice", 0.5, None), ("Mul", "halved", None, value)}
        return value if (kind, stage, number, other) in done else None

    def halves(self, tensor: str, value: str) -> bool:
        """Whether a tensor is half of a layer."""
        return self.scaled.get(tensor) == (value, 0.5)
