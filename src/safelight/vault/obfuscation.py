"""The `obfuscated` level: a keyed rearrangement of an image's blocks and pixels.

**This is not encryption.** Grey values survive, the same key treats every image alike, and a
handful of known pairs undoes it (`safelight lab leakage` shows the attacks). It hides a picture
from a passing eye, and it leaves enough structure for a network to learn on, which is the only
reason it exists here: off unless an operator turns it on, and every result says `obfuscated`.

An image is cut into blocks. Blocks change places; inside every block the pixels change places,
in the same way for all blocks, so that a convolution over blocks can share its weights; and
pixels at keyed places are inverted (negative-positive transform).

**Source**: Tanaka 2018 (learnable image encryption); Kiya et al. 2022, section III (block
scrambling with one pixel key); attacks: Chang and Li 2020.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

from safelight.errors import InputError

KEY_BYTES = 32
DEFAULT_BLOCK = 4
_LARGEST_VALUE = 255


@dataclass(frozen=True)
class Obfuscation:
    """One client's transformation of images of one shape.

    Args:
        block_order: int64 ``[blocks]``: which block comes to each place.
        pixel_order: int64 ``[block * block * channels]``: the same inside every block.
        inverted: bool ``[block * block * channels]``: pixels shown as 255 minus their value.
        shape: Of the images, ``(rows, columns)`` or ``(rows, columns, channels)``.
        block: Side of a block in pixels.
    """

    block_order: NDArray[np.int64]
    pixel_order: NDArray[np.int64]
    inverted: NDArray[np.bool_]
    shape: tuple[int, ...]
    block: int

    @classmethod
    def from_key(
        cls, key: bytes, shape: tuple[int, ...], *, block: int = DEFAULT_BLOCK
    ) -> Obfuscation:
        """The transformation that a key stands for.

        Args:
            key: 32 bytes, one key a client (`new_key`).
            shape: ``(rows, columns)`` or ``(rows, columns, channels)``; sides are multiples of
                the block.
            block: Side of a block in pixels.

        Raises:
            InputError: A key of another length, or sides that blocks do not tile.
        """
        if len(key) != KEY_BYTES:
            raise InputError(f"an obfuscation key has {KEY_BYTES} bytes, not {len(key)}")
        rows, columns = shape[:2]
        if block < 2 or rows % block or columns % block:
            raise InputError(
                f"images of {rows}×{columns} cannot be cut into blocks of {block}×{block}",
                hint="resize to a multiple of the block",
            )
        pixels = block * block * (shape[2] if len(shape) == 3 else 1)
        blocks = (rows // block) * (columns // block)
        return cls(
            block_order=_permutation(key, b"blocks", blocks),
            pixel_order=_permutation(key, b"pixels", pixels),
            inverted=np.frombuffer(_stream(key, b"invert", pixels), np.uint8) % 2 == 1,
            shape=tuple(shape),
            block=block,
        )

    def apply(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Obfuscates uint8 images ``[n, *shape]``; gives the same shape."""
        blocks = self._cut(images)[:, self.block_order][:, :, self.pixel_order]
        return self._join(np.where(self.inverted, _LARGEST_VALUE - blocks, blocks))

    def undo(self, obfuscated: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The images again: uint8 ``[n, *shape]``."""
        blocks = self._cut(obfuscated)
        blocks = np.where(self.inverted, _LARGEST_VALUE - blocks, blocks)
        blocks = blocks[:, :, np.argsort(self.pixel_order)]
        return self._join(blocks[:, np.argsort(self.block_order)])

    def _cut(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """uint8 ``[n, *shape]`` to ``[n, blocks, pixels of a block]``."""
        if images.dtype != np.uint8 or images.shape[1:] != self.shape:
            raise InputError(
                f"this key is for uint8 images of {list(self.shape)}, "
                f"not {images.dtype} of {list(images.shape[1:])}"
            )
        rows, columns = self.shape[:2]
        side = self.block
        cut = images.reshape(len(images), rows // side, side, columns // side, side, -1)
        return cut.transpose(0, 1, 3, 2, 4, 5).reshape(len(images), len(self.block_order), -1)

    def _join(self, blocks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        rows, columns = self.shape[:2]
        side = self.block
        grid = blocks.reshape(len(blocks), rows // side, columns // side, side, side, -1)
        joined = grid.transpose(0, 1, 3, 2, 4, 5).reshape(len(blocks), *self.shape)
        return np.ascontiguousarray(joined)


def new_key() -> bytes:
    """A fresh key from the operating system."""
    return os.urandom(KEY_BYTES)


def _stream(key: bytes, label: bytes, length: int) -> bytes:
    """AES-256-CTR under the key, one stream a label of up to eight bytes."""
    counter = label.ljust(8, b"\0") + bytes(8)
    return Cipher(algorithms.AES256(key), modes.CTR(counter)).encryptor().update(bytes(length))


def _permutation(key: bytes, label: bytes, length: int) -> NDArray[np.int64]:
    """Fisher-Yates with words of the key's stream, rejected where they would bias it."""
    order = np.arange(length)
    words = iter(struct.iter_unpack("<I", _stream(key, label, 16 * length + 64)))
    for last in range(length - 1, 0, -1):
        limit = (1 << 32) - (1 << 32) % (last + 1)
        # at most half of all words are rejected: four a place are enough but for odds below 1e-9
        word = next(w for (w,) in words if w < limit)
        chosen = word % (last + 1)
        order[last], order[chosen] = order[chosen], order[last]
    return order
