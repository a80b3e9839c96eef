"""In which order giant steps are added up, so that few rotation keys serve them.

Rotating every inner sum by its own giant step takes a key a giant step. Horner's rule takes one
for each distinct difference between neighbours: the farthest sum is rotated by the distance to the
next, added to it, and so on down to zero. The number of rotations is the same.

Giant steps to the right and to the left of zero are chains of their own, and a long one is cut
in two: chains do not wait for one another, so threads can share them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# A chain of at least this many giant steps that has no counterpart is cut in two.
_CUT = 8


@dataclass(frozen=True)
class GiantChain:
    """Giant steps from the farthest to the nearest to zero.

    Args:
        giants: Steps, modulo the slots, as the program has them.
        turns: By how much the sum is rotated after each was added; the last may be 0.
    """

    giants: tuple[int, ...]
    turns: tuple[int, ...]


def giant_chains(giants: Iterable[int], slots: int) -> tuple[GiantChain, ...]:
    """The chains of a linear transform, a function of its giant steps alone.

    **Cost**: a rotation for each giant step that is not zero; a key for each distinct turn.
    """
    signed = sorted(giant - slots if giant >= slots // 2 else giant for giant in set(giants))
    left = [giant for giant in signed if giant < 0]
    right = [giant for giant in reversed(signed) if giant >= 0]
    parts = [part for part in (right, left) if part]
    if len(parts) == 1 and len(parts[0]) >= _CUT:
        middle = len(parts[0]) // 2
        parts = [parts[0][:middle], parts[0][middle:]]
    return tuple(_chain(part, slots) for part in parts)


def _chain(signed: list[int], slots: int) -> GiantChain:
    ends = [*signed[1:], 0]
    turns = [(here - there) % slots for here, there in zip(signed, ends, strict=True)]
    return GiantChain(tuple(giant % slots for giant in signed), tuple(turns))


def turns_of(giants: Iterable[int], slots: int) -> set[int]:
    """The distinct rotations that the chains make."""
    return {turn for chain in giant_chains(giants, slots) for turn in chain.turns if turn}
