"""Attackers of `obfuscated` who know pairs of an image and its obfuscated form.

All know the published algorithm and the block size, none the key. The transformation only moves
and inverts pixels, so that whoever knows one pair reads the key off. `safelight.lab.jigsaw` is
the attacker without pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.lab.extras import extra

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


def known_pairs(originals: UInt8Images, obfuscated: UInt8Images, block: int) -> PixelMap:
    """The key's effect from pairs; one pair of a picture with some texture is enough.

    All blocks share one order of pixels, so that the sorted values of a pixel over all blocks
    survive whatever the blocks' order is: they tell where each pixel went and whether it was
    inverted. With that known, whole blocks are compared.

    Args:
        originals: uint8 ``[pairs, rows, columns]``.
        obfuscated: The same images as an observer sees them.
        block: Side of a block in pixels.
    """
    optimize = extra("scipy.optimize", "lab")
    before, after = cut_blocks(originals, block), cut_blocks(obfuscated, block)
    own = _sorted_values(before)
    straight = _distances(own, _sorted_values(after))
    mirrored = _distances(own, _sorted_values(255.0 - after))
    _, pixel_place = optimize.linear_sum_assignment(np.minimum(straight, mirrored))
    rows = np.arange(len(pixel_place))
    inverted = np.zeros(len(pixel_place), np.bool_)
    inverted[pixel_place] = (mirrored < straight)[rows, pixel_place]

    upright = turned(after, inverted)[:, :, pixel_place]
    cost = _distances(_by_block(before), _by_block(upright))
    _, block_place = optimize.linear_sum_assignment(cost)
    return pixel_map(originals.shape[1:], block, block_place, pixel_place, inverted)


def _sorted_values(blocks: FloatArray) -> FloatArray:
    """``[pixels, images * blocks]``: each pixel's values, sorted over an image's blocks."""
    ordered = np.sort(blocks, axis=1)
    return ordered.transpose(2, 0, 1).reshape(blocks.shape[2], -1)


def _by_block(blocks: FloatArray) -> FloatArray:
    """``[blocks, images * pixels]``."""
    return blocks.transpose(1, 0, 2).reshape(blocks.shape[1], -1)


def _distances(first: FloatArray, second: FloatArray) -> FloatArray:
    """Sums of absolute differences of all pairs of rows."""
    return np.stack([np.abs(second - row).sum(axis=1) for row in first])


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


def cut_blocks(images: UInt8Images, block: int) -> FloatArray:
    """``[n, rows, columns]`` to float64 ``[n, blocks, pixels]``."""
    count, rows, columns = images.shape
    cut = images.reshape(count, rows // block, block, columns // block, block)
    return cut.transpose(0, 1, 3, 2, 4).reshape(count, -1, block * block).astype(np.float64)


def turned(blocks: FloatArray, inverted: NDArray[np.bool_]) -> FloatArray:
    """Blocks with the pixels at these places inverted."""
    return np.where(inverted, 255.0 - blocks, blocks)


def pixel_map(
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
