"""The attacker of `obfuscated` who only looks: pieces put together by what such images look like.

**Source**: Chang and Li 2020 (attacks on block scrambling); Chuman and Kiya 2018 (jigsaw puzzle
solvers); quadratic assignment by 2-opt as in SciPy.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.lab.extras import extra
from safelight.lab.obfuscation_attacks import (
    FloatArray,
    PixelMap,
    UInt8Images,
    cut_blocks,
    pixel_map,
    turned,
)

# Exchanging pairs (2-opt) takes seconds up to so many pieces, and minutes at four times as many;
# a gradient over doubly stochastic matrices (FAQ) goes on from there.
_MOST_EXCHANGED = 64
_MOST_REFINED = 1024
_STARTS = 4
_DIRECTIONS = 40  # principal components that images of the kind are judged by
_JUDGED = 100


def jigsaw(obfuscated: UInt8Images, reference: UInt8Images, block: int) -> PixelMap:
    """The key from obfuscated images alone, by the statistics of other images of the same kind.

    Numbered plan:
    1. Cut both sets into blocks; pixels of a block that go against the others are inverted.
    2. The order inside blocks: match the pixels' correlations with the reference's (quadratic
       assignment). Correlations hardly tell a block from its mirror image, so that every solution
       stands for its eight rotations and reflections.
    3. The order of blocks: match the blocks' mean and spread over images, then refine by the
       correlations between blocks (quadratic assignment from that start). Means of blocks do
       not depend on step 2.
    4. Of all combinations, also with black and white exchanged, keep the one whose pictures the
       reference's principal components explain best.

    Args:
        obfuscated: uint8 ``[n, rows, columns]``, all under one key.
        reference: Other people's clear images of the same kind, uint8 ``[m, rows, columns]``.
        block: Side of a block in pixels.
    """
    optimize = extra("scipy.optimize", "lab")
    known = cut_blocks(reference, block)
    judge = _Kind.of(reference)
    seen = cut_blocks(obfuscated, block)
    # the majority of pixels is upright, or inverted: correlations are the same for both
    inverted = _principal_sign(_correlations(seen.reshape(-1, seen.shape[2]))) < 0
    if _distance_of_profiles(known, turned(seen, inverted)) > _distance_of_profiles(
        known, turned(seen, ~inverted)
    ):
        inverted = ~inverted
    upright = turned(seen, inverted)
    pixel_places = _matched(
        optimize,
        _correlations(known.reshape(-1, known.shape[2])),
        _correlations(upright.reshape(-1, upright.shape[2])),
        _costs(_profile(known), _profile(upright)),
    )
    block_places = _matched(
        optimize,
        _correlations(known.mean(axis=2)),
        _correlations(upright.mean(axis=2)),
        _costs(_block_profile(known), _block_profile(upright)),
    )
    best, best_misfit = None, np.inf
    orders = [place[turn] for place in pixel_places for turn in _symmetries(block)]
    for black, block_place, pixel_place in itertools.product(
        (inverted, ~inverted), block_places[:3], orders
    ):
        found = pixel_map(obfuscated.shape[1:], block, block_place, pixel_place, black)
        misfit = judge.misfit(found.reconstruct(obfuscated[:_JUDGED]))
        if misfit < best_misfit:
            best, best_misfit = found, misfit
    assert best is not None  # there is always the plain assignment
    return best


@dataclass(frozen=True)
class _Kind:
    """What images of the kind look like: a mean and a few directions they vary in."""

    mean: FloatArray
    directions: FloatArray

    @classmethod
    def of(cls, images: UInt8Images) -> _Kind:
        flat = images.reshape(len(images), -1).astype(np.float64)
        mean = flat.mean(axis=0)
        centred = flat - mean
        # from the smaller side: images are fewer than pixels, or pixels than images
        if len(centred) < centred.shape[1]:
            values, vectors = np.linalg.eigh(centred @ centred.T)
            directions = (centred.T @ vectors[:, -_DIRECTIONS:]).T
            directions /= np.sqrt(np.maximum(values[-_DIRECTIONS:], 1e-9))[:, None]
        else:
            directions = np.linalg.eigh(centred.T @ centred)[1][:, -_DIRECTIONS:].T
        return cls(mean, directions)

    def misfit(self, images: UInt8Images) -> float:
        """Mean squared grey value that mean and directions leave unexplained."""
        centred = images.reshape(len(images), -1) - self.mean
        return float(((centred - centred @ self.directions.T @ self.directions) ** 2).mean())


def _symmetries(block: int) -> list[NDArray[np.int64]]:
    """The eight orders of a block's pixels that rotate and reflect it."""
    square = np.arange(block * block).reshape(block, block)
    poses = [np.rot90(each, turns) for each in (square, square.T) for turns in range(4)]
    return [np.ascontiguousarray(each).ravel() for each in poses]


def _correlations(values: FloatArray) -> FloatArray:
    """Correlations of the columns, with constant columns uncorrelated."""
    centred = values - values.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.where(deviation == 0, 1.0, deviation)
    return np.asarray(scaled.T @ scaled / len(values))


def _principal_sign(correlations: FloatArray) -> FloatArray:
    _, vectors = np.linalg.eigh(correlations)
    leading = vectors[:, -1]
    return np.asarray(np.sign(leading) * np.sign(np.sign(leading).sum() or 1.0))


def _distance_of_profiles(known: FloatArray, seen: FloatArray) -> float:
    """Between the sorted mean grey values of both sets' blocks: no order is needed."""
    means = [np.sort(blocks.mean(axis=(0, 2))) for blocks in (known, seen)]
    return float(np.abs(means[0] - means[1]).sum())


def _costs(known: FloatArray, seen: FloatArray) -> FloatArray:
    return np.asarray(np.abs(known[:, None] - seen[None]).sum(axis=2))


def _profile(blocks: FloatArray) -> FloatArray:
    """For each pixel of a block: mean and spread, ``[pixels, 2]``."""
    flat = blocks.reshape(-1, blocks.shape[2])
    return np.stack([flat.mean(axis=0), flat.std(axis=0)], axis=1) / 255


def _block_profile(blocks: FloatArray) -> FloatArray:
    """For each block: mean, spread over images, and roughness, ``[blocks, 3]``."""
    means = blocks.mean(axis=2)
    rough = blocks.std(axis=2).mean(axis=0)
    return np.stack([means.mean(axis=0), means.std(axis=0), rough], axis=1) / 255


def _matched(
    optimize: Any, known: FloatArray, seen: FloatArray, cost: FloatArray
) -> list[NDArray[np.int64]]:
    """For each known item the seen one that fits: by cost alone, and refined by correlations.

    Several answers, those whose correlations fit best first.
    """
    rows, start = optimize.linear_sum_assignment(cost)
    places = [np.asarray(start, np.int64)]
    if _MOST_EXCHANGED < len(rows) <= _MOST_REFINED:
        places += _by_gradient(optimize, known, seen, places[0])
    elif len(rows) <= _MOST_EXCHANGED:
        guess = np.stack([rows, start], axis=1)
        for seed in range(_STARTS):
            options: dict[str, Any] = {"maximize": True, "rng": np.random.default_rng(seed)}
            if seed == 0:
                options["partial_guess"] = guess
            found = optimize.quadratic_assignment(known, seen, method="2opt", options=options)
            places.append(np.asarray(found.col_ind, np.int64))
    fits = {place.tobytes(): float((known * seen[np.ix_(place, place)]).sum()) for place in places}
    distinct = {place.tobytes(): place for place in places}
    return [distinct[key] for key in sorted(distinct, key=lambda key: -fits[key])]


def _by_gradient(
    optimize: Any, known: FloatArray, seen: FloatArray, start: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """From the middle of all orders, and from halfway to a start."""
    count = len(start)
    halfway = np.full((count, count), 0.5 / count)
    halfway[np.arange(count), start] += 0.5
    return [
        np.asarray(
            optimize.quadratic_assignment(
                known, seen, method="faq", options={"maximize": True, "P0": begin}
            ).col_ind,
            np.int64,
        )
        for begin in ("barycenter", halfway)
    ]
