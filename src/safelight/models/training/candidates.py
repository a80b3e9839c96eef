"""Networks for images of any size that fit a ciphertext, the most accurate first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from safelight.models.training.architectures import Architecture, Convolution, Dense, Hidden

SLOTS = 8192
"""Of a ciphertext with N = 16384, the ring that these networks are meant for."""
CORE_SIDE = 14
"""Images are first brought to about this many pixels a side."""


@dataclass(frozen=True)
class Candidate:
    """A network worth trying.

    Args:
        name: For people and for `recorded_packing`.
        architecture: What to build.
    """

    name: str
    architecture: Architecture


def candidates(
    input_shape: tuple[int, ...], outputs: int, *, dropout: float = 0.2, average: bool = False
) -> Iterator[Candidate]:
    """From the widest to the cheapest; of records an MLP and logistic regression.

    Args:
        input_shape: Channels, height, width; or features of a record.
        outputs: Number of logits.
        dropout: Before the last layer of those that have a hidden one.
        average: Whether the last maps of those that end in maps are averaged.
    """

    def built(*hidden: Hidden) -> Architecture:
        in_maps = bool(hidden) and not isinstance(hidden[-1], Dense)
        share = dropout if hidden else 0.0
        return Architecture(input_shape, hidden, outputs, share, average and in_maps)

    if len(input_shape) == 1:
        for features in (64, 16):
            yield Candidate(f"mlp-{features}", built(Dense(features), Dense(features)))
        yield Candidate("logistic", built())
        return
    stem, side = _stem(min(input_shape[1:]))
    area = side * side
    wide = min(32, SLOTS // area)
    wider = min(40, SLOTS // area)
    middle = ((side + 1) // 2) ** 2
    last = ((side + 3) // 4) ** 2
    deep = (
        *stem[:-1],
        Convolution(wide, stem[-1].kernel, stem[-1].stride, stem[-1].padding),
    )
    tail = (
        Convolution(min(128, SLOTS // middle), 3, 2, 1),
        Convolution(min(256, SLOTS // last), 3, 2, 1),
    )
    narrow = (*stem[:-1], Convolution(10, stem[-1].kernel, stem[-1].stride, stem[-1].padding))
    fast = (*stem[:-1], Convolution(5, stem[-1].kernel, stem[-1].stride, stem[-1].padding))
    yield Candidate("wide", built(*deep, Convolution(wider, 3, 1, 1), *tail))
    yield Candidate("medium", built(*deep, *tail))
    yield Candidate("small", built(*narrow, Convolution(40, 3, 2, 1), Convolution(128, 3, 2, 1)))
    yield Candidate("fast", built(*fast, Dense(100)))
    yield Candidate("logistic", built())


def _stem(side: int) -> tuple[list[Convolution], int]:
    """Convolutions of stride 2 down to about `CORE_SIDE`; widths as the slots allow."""
    stem: list[Convolution] = []
    while True:
        side = (side + 1) // 2
        channels = max(4, min(32, SLOTS // (side * side)))
        stem.append(Convolution(channels, 5 if not stem else 3, 2, 2 if not stem else 1))
        if side <= CORE_SIDE + 4:
            return stem, side
