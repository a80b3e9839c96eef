"""Three attackers of `obfuscated`, from the one who knows pairs to the one who only looks.

All know the published algorithm and the block size, none the key. The transformation only moves
and inverts pixels, so that whoever knows a few pairs reads the key off; whoever sees many
obfuscated images and knows what such images look like in general matches statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.lab.extras import extra

# Exchanges of pairs cost the square of the pieces, several times over: seconds up to here.
_MOST_REFINED = 256

UInt8Images = NDArray[np.uint8]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class PixelMap:
    """What an attacker believes: where each original pixel went, and whether inverted.

    Args:
        place: int64 ``[pixels]``: the place in the obfuscated image of each original pixel.
        inverted: bool ``[pixels]``, of original pixels.
    """

    place: NDArray[np.int64]
    inverted: NDArray[np.bool_]

    def reconstruct(self, obfuscated: UInt8Images) -> UInt8Images:
        """The attacker's picture of each image, uint8 ``[n, *shape]``."""
        moved = obfuscated.reshape(len(obfuscated), -1)[:, self.place]
        return (
            np.where(self.inverted, 255 - moved, moved).astype(np.uint8).reshape(obfuscated.shape)
        )


def known_pairs(originals: UInt8Images, obfuscated: UInt8Images) -> PixelMap:
    """The key's effect from pairs: the place whose values equal, or mirror, a pixel's in all pairs.

    Args:
        originals: uint8 ``[pairs, *shape]``.
        obfuscated: The same images as an observer sees them.
    """
    before = originals.reshape(len(originals), -1).astype(np.int64)
    after = obfuscated.reshape(len(obfuscated), -1).astype(np.int64)
    pixels = before.shape[1]
    place = np.empty(pixels, np.int64)
    inverted = np.empty(pixels, np.bool_)
    for pixel in range(pixels):
        straight = np.abs(after - before[:, pixel : pixel + 1]).sum(axis=0)
        mirrored = np.abs(255 - after - before[:, pixel : pixel + 1]).sum(axis=0)
        inverted[pixel] = mirrored.min() < straight.min()
        place[pixel] = int((mirrored if inverted[pixel] else straight).argmin())
    return PixelMap(place, inverted)


def trained_reconstruction(
    originals: UInt8Images, obfuscated: UInt8Images, unseen: UInt8Images
) -> UInt8Images:
    """Ridge regression from obfuscated to original images, applied to images it has not seen.

    It needs no knowledge of the algorithm at all, only pairs under one key.

    Args:
        originals: uint8 ``[pairs, *shape]``.
        obfuscated: The same images, obfuscated.
        unseen: Obfuscated images to reconstruct, uint8 ``[n, *shape]``.
    """
    inputs = obfuscated.reshape(len(obfuscated), -1) / 255.0
    targets = originals.reshape(len(originals), -1) / 255.0
    input_mean, target_mean = inputs.mean(axis=0), targets.mean(axis=0)
    centred = inputs - input_mean
    # the dual form: as many unknowns as pairs
    gram = centred @ centred.T
    ridge = 1e-3 * float(np.trace(gram)) / len(gram)
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), targets - target_mean)
    found = (unseen.reshape(len(unseen), -1) / 255.0 - input_mean) @ centred.T @ weights
    picture = np.clip(np.rint(255 * (found + target_mean)), 0, 255)
    return np.asarray(picture, np.uint8).reshape(unseen.shape)


def jigsaw(obfuscated: UInt8Images, reference: UInt8Images, block: int) -> PixelMap:
    """The key from obfuscated images alone, by the statistics of other images of the same kind.

    Numbered plan:
    1. Cut both sets into blocks; pixels of a block that go against the others are inverted.
    2. The order inside blocks: match the 4×4 pixels' correlations with the reference's
       (quadratic assignment).
    3. The order of blocks: match the blocks' mean and spread over images, then refine by the
       correlations between blocks (quadratic assignment from that start).

    Args:
        obfuscated: uint8 ``[n, rows, columns]``, all under one key.
        reference: Other people's clear images of the same kind, uint8 ``[m, rows, columns]``.
        block: Side of a block in pixels.
    """
    optimize = extra("scipy.optimize", "lab")
    seen, known = _blocks(obfuscated, block), _blocks(reference, block)

    inside_seen = _correlations(seen.reshape(-1, seen.shape[2]))
    # the majority decides what is upright; grey values of the reference settle the total sign
    inverted_seen = _principal_sign(inside_seen) < 0
    upright = np.where(inverted_seen, 255.0 - seen, seen)
    if _skewness(upright) * _skewness(known) < 0:
        inverted_seen, upright = ~inverted_seen, 255.0 - upright

    pixel_place = _matched(
        optimize,
        _correlations(known.reshape(-1, known.shape[2])),
        _correlations(upright.reshape(-1, upright.shape[2])),
        np.abs(_profile(known)[:, None] - _profile(upright)[None]).sum(axis=2),
    )
    upright = upright[:, :, pixel_place]
    block_place = _matched(
        optimize,
        _correlations(known.mean(axis=2)),
        _correlations(upright.mean(axis=2)),
        np.abs(_block_profile(known)[:, None] - _block_profile(upright)[None]).sum(axis=2),
    )
    return _pixel_map(obfuscated.shape[1:], block, block_place, pixel_place, inverted_seen)


def _blocks(images: UInt8Images, block: int) -> FloatArray:
    """``[n, rows, columns]`` to float64 ``[n, blocks, pixels]``."""
    count, rows, columns = images.shape
    cut = images.reshape(count, rows // block, block, columns // block, block)
    return cut.transpose(0, 1, 3, 2, 4).reshape(count, -1, block * block).astype(np.float64)


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


def _skewness(blocks: FloatArray) -> float:
    """Of each image's own grey values around the middle grey: tells a negative from a positive."""
    values = blocks.reshape(len(blocks), -1)
    return float((values - 127.5).mean() + ((values - values.mean()) ** 3).mean() * 1e-4)


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
) -> NDArray[np.int64]:
    """For each known item the seen one that fits: assignment by cost, refined by correlations."""
    rows, start = optimize.linear_sum_assignment(cost)
    best: NDArray[np.int64] = np.asarray(start)
    best_fit = float((known * seen[np.ix_(best, best)]).sum())
    if len(rows) > _MOST_REFINED:
        return best
    guess = np.stack([rows, start], axis=1)
    for seed in range(4):
        options: dict[str, Any] = {"maximize": True, "rng": np.random.default_rng(seed)}
        if seed == 0:
            options["partial_guess"] = guess
        found = optimize.quadratic_assignment(known, seen, method="2opt", options=options)
        if found.fun > best_fit:
            best, best_fit = np.asarray(found.col_ind), float(found.fun)
    return best


def _pixel_map(
    shape: tuple[int, ...],
    block: int,
    block_place: NDArray[np.int64],
    pixel_place: NDArray[np.int64],
    inverted_seen: NDArray[np.bool_],
) -> PixelMap:
    """The belief about blocks and pixels of blocks as one about pixels of the image."""
    rows, columns = shape
    across = columns // block
    row, column = np.divmod(np.arange(rows * columns), columns)
    block_of = row // block * across + column // block
    pixel_of = row % block * block + column % block
    to_block, to_pixel = block_place[block_of], pixel_place[pixel_of]
    place = (to_block // across * block + to_pixel // block) * columns
    place += to_block % across * block + to_pixel % block
    return PixelMap(place, inverted_seen[to_pixel])
