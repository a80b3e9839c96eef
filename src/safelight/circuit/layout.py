"""Where the elements of a tensor sit in the slots.

A layout works on a ring of ``slots`` positions (cyclic). Several records share a ciphertext by
interleaving: slot = position · records + record, so that one plan serves any number of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from safelight.circuit.graph import Shape
from safelight.circuit.sparse import IntArray


@dataclass(frozen=True)
class Layout:
    """Positions of every element, with copies.

    Args:
        ring: How many positions there are.
        base: int64 ``[size]``: position of each element.
        copy_offsets: Offsets at which the whole vector is repeated, modulo ``ring``; the first
            is 0. All other positions that no copy covers hold zero.
        name: For people.
    """

    ring: int
    base: IntArray
    copy_offsets: tuple[int, ...] = (0,)
    name: str = ""

    @property
    def extent(self) -> int:
        """Positions from the first to the last element of one copy."""
        return int(self.base.max()) + 1

    def positions(self) -> IntArray:
        """int64 ``[copies, size]``: all positions of each element."""
        offsets = np.array(self.copy_offsets, dtype=np.int64)
        return np.asarray((self.base[None, :] + offsets[:, None]) % self.ring)

    def element_at(self) -> IntArray:
        """int64 ``[ring]``: the element at each position, or −1 for a zero."""
        elements = np.full(self.ring, -1, dtype=np.int64)
        elements[self.positions()] = np.arange(self.base.size)
        return elements


@dataclass(frozen=True)
class Order:
    """A way to arrange one copy of a tensor: positions int64 ``[size]`` and a name."""

    name: str
    base: IntArray

    @property
    def extent(self) -> int:
        """Positions that it spans."""
        return int(self.base.max()) + 1


def candidate_orders(shape: Shape, ring: int) -> Iterator[Order]:
    """Arrangements worth trying for a tensor of ``shape``.

    Planes keep each channel together; cells interleave channels, with the positions of each
    f × f cell next to one another, so that a stride-f convolution reads few distances; a depth
    above the channels leaves room for those that come after.
    """
    size = math.prod(shape)
    if size <= ring:
        yield Order("planes", np.arange(size, dtype=np.int64))
    if len(shape) != 3:
        return
    channels, height, width = shape
    c, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    power = 1 << (channels - 1).bit_length()
    for cell in (1, 2, 4, 8):
        if cell > max(1, min(height, width) // 2):
            continue
        across = -(-width // cell)
        down = -(-height // cell)
        place = ((y // cell) * across + x // cell) * cell * cell
        place += _interleave(y % cell, x % cell, cell)
        for depth in sorted({channels, *(power << k for k in range(3)), *_SPLIT_DEPTHS}):
            # channels beyond the depth go into further blocks, a power of two apart
            block = 1 << (down * across * cell * cell * depth - 1).bit_length()
            base = c // depth * block + place * depth + c % depth
            order = Order(f"cells{cell}x{depth}", base.ravel().astype(np.int64))
            if order.extent <= ring:
                yield order


_SPLIT_DEPTHS = (4, 8, 16, 32)


def _interleave(y: IntArray, x: IntArray, cell: int) -> IntArray:
    """Z-order index inside a cell, so that cells nest."""
    index = np.zeros_like(y)
    for bit in range((cell - 1).bit_length()):
        index |= (((y >> bit) & 1) << (2 * bit + 1)) | (((x >> bit) & 1) << (2 * bit))
    return index


def strided_orders(parent: Order, parent_shape: Shape, shape: Shape) -> Iterator[Order]:
    """Arrangements that leave a strided convolution's result where its input was.

    Channel c of the result sits either in plane c of the parent's grid, or c places after the
    parent's first channel, where the stride leaves room for it.
    """
    if len(shape) != 3 or len(parent_shape) != 3:
        return
    grid = parent.base.reshape(parent_shape)
    step_y, step_x = round(parent_shape[1] / shape[1]), round(parent_shape[2] / shape[2])
    if (shape[1] - 1) * step_y >= parent_shape[1] or (shape[2] - 1) * step_x >= parent_shape[2]:
        return
    plane = grid[0, ::step_y, ::step_x][: shape[1], : shape[2]] - grid[0, 0, 0]
    spread = int(grid[0].max() - grid[0].min()) + 1
    channel = np.arange(shape[0])[:, None, None]
    yield Order("grid", (channel * spread + plane[None]).ravel().astype(np.int64))
    minor = (channel + plane[None]).ravel().astype(np.int64)
    if np.unique(minor).size == minor.size:
        yield Order("grid-minor", minor)
