"""Which levels of protection each model is served at.

A model that runs on ciphertext is served on ciphertext alone, unless the operator lowers its
minimum; one that cannot is served in envelopes. The rest, obfuscated images among it, the
operator must switch on in so many words. Nobody but who asks chooses the level of a request, and
nothing lowers it.
"""

from __future__ import annotations

from collections.abc import Mapping

from safelight.service.refusals import Refusal
from safelight.wire.levels import LEVELS, Level, at_least

# What this release can serve; `plaintext` is for the lab.
SERVED: tuple[Level, ...] = ("obfuscated", "envelope", "homomorphic")


class ModelLevels:
    """Levels of the models of one service.

    Args:
        able: Model → levels at which something can run it.
        minimums: Model → lowest level that the operator allows, where they said so.
    """

    def __init__(self, able: Mapping[str, frozenset[Level]], minimums: Mapping[str, Level]) -> None:
        self._able = able
        self._minimums = minimums

    def names(self) -> list[str]:
        """Names of all models."""
        return list(self._able)

    def knows(self, model: str) -> bool:
        """Whether there is such a model."""
        return model in self._able

    def minimum(self, model: str) -> Level:
        """The lowest level at which a model may be asked."""
        if model in self._minimums:
            return self._minimums[model]
        able = self._able.get(model, frozenset())
        return "homomorphic" if "homomorphic" in able or not able else "envelope"

    def levels(self, model: str) -> list[Level]:
        """Levels at which a model is served, the strongest first."""
        able, minimum = self._able.get(model, frozenset()), self.minimum(model)
        return [x for x in reversed(LEVELS) if x in able and at_least(x, minimum)]

    def check(self, model: str, level: Level) -> None:
        """Returns if a model is served at this level.

        Raises:
            Refusal: ``level-too-low`` or ``level-not-served``.
        """
        if not at_least(level, self.minimum(model)):
            raise Refusal("level-too-low", members={"minimum_level": self.minimum(model)})
        if level not in self.levels(model):
            raise Refusal("level-not-served", members={"levels": self.levels(model)})
