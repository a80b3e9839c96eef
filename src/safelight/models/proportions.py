"""A share of counted cases with its 95 % interval, as sensitivities and accuracies are reported.

**Source**: Wilson 1927, JASA 22(158); recommended for small samples by Brown, Cai, DasGupta 2001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054  # the normal distribution's 97.5 % point


@dataclass(frozen=True)
class Estimate:
    """A measure and its 95 % interval.

    Args:
        value: The measure; None where the data cannot give it.
        low: Lower end; None where there is no interval.
        high: Upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


UNKNOWN = Estimate(None)
"""What nobody can know from these data, such as a sensitivity without any diseased."""


def wilson(hits: int, count: int) -> Estimate:
    """``hits`` of ``count`` with Wilson's score interval.

    It stays within 0 … 1 and is honest where the share is 0 or 1, which the usual
    ``± 1.96·√(p(1−p)/n)`` is not.
    """
    if count == 0:
        return UNKNOWN
    share, z2 = hits / count, Z_95 * Z_95
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    spread = share * (1 - share) / count + z2 / (4 * count * count)
    half = Z_95 * math.sqrt(spread) / (1 + z2 / count)
    # at 0 and at 1 one end is exact, whatever the last bit says
    low = 0.0 if hits == 0 else max(0.0, middle - half)
    high = 1.0 if hits == count else min(1.0, middle + half)
    return Estimate(share, low, high)
