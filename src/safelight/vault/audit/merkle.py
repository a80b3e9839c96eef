"""The Merkle tree of RFC 9162: hashes, and the order in which complete subtrees are stored.

Subtree (level, n) is complete and covers entries n·2^level up to (n+1)·2^level. The hashes of all
complete subtrees are stored in the order in which appending completes them, so the file of
hashes is append-only as the log is, and each hash has a fixed place:

    entry      0        1              2        3                      …
    written    (0,0)    (0,1) (1,0)    (0,2)    (0,3) (1,1) (2,0)      …

**Source**: RFC 9162, 2.1; the layout is that of Go's checksum database (`sumdb/tlog`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

# The hash of complete subtree n of a level.
ReadHash = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """Hash of one entry (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of a node over its children (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def stored_index(level: int, n: int) -> int:
    """Place of the hash of complete subtree ``n`` of ``level`` in the file of hashes."""
    # its last hash comes right before it in the file, and so on down to an entry's
    entry = ((n + 1) << level) - 1
    return stored_count(entry) + level


def stored_count(size: int) -> int:
    """Hashes stored for a tree of ``size`` entries: 2·size less the ones in its binary form."""
    return 2 * size - size.bit_count()


class Frontier:
    """The complete subtrees of a growing tree, largest first: all that appending needs.

    Args:
        size: Entries so far.
        read: Gives hashes that are stored already; used here only.
    """

    def __init__(self, size: int, read: ReadHash) -> None:
        self.size = size
        self._parts = [
            read(level, (size >> level) - 1)
            for level in reversed(range(size.bit_length()))
            if (size >> level) & 1
        ]

    def append(self, leaf: bytes) -> list[bytes]:
        """Adds an entry by its `leaf_hash`; what that adds to the file of hashes, in order."""
        hashes = [leaf]
        index = self.size
        while index & 1:
            hashes.append(node_hash(self._parts.pop(), hashes[-1]))
            index >>= 1
        self._parts.append(hashes[-1])
        self.size += 1
        return hashes

    def copy(self) -> Frontier:
        """The same tree, to grow on its own."""
        other = Frontier(0, lambda level, n: b"")
        other.size, other._parts = self.size, list(self._parts)
        return other

    def root(self) -> bytes:
        """Root of the tree so far."""
        if not self._parts:
            return EMPTY_ROOT
        result = self._parts[-1]
        for part in reversed(self._parts[:-1]):
            result = node_hash(part, result)
        return result


def root_hash(size: int, read: ReadHash) -> bytes:
    """Root of the tree over the first ``size`` entries."""
    return EMPTY_ROOT if size == 0 else range_hash(0, size, read)


def range_hash(start: int, stop: int, read: ReadHash) -> bytes:
    """Root over entries ``start`` to ``stop``, where ``start`` begins a subtree of that size.

    **Cost**: as many reads as ``stop - start`` has ones in binary.
    """
    parts: list[bytes] = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        parts.append(read(level, start >> level))
        start += 1 << level
    result = parts.pop()
    while parts:
        result = node_hash(parts.pop(), result)
    return result


def inclusion_path(index: int, size: int, read: ReadHash) -> list[bytes]:
    """Audit path of entry ``index`` in the tree of ``size`` entries (RFC 9162, 2.1.3.1).

    Raises:
        ValueError: No such entry.
    """
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} in a tree of {size}")
    path: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(range_hash(middle, stop, read))
            stop = middle
        else:
            path.append(range_hash(start, middle, read))
            start = middle
    path.reverse()
    return path


def consistency_path(old: int, size: int, read: ReadHash) -> list[bytes]:
    """Proof that the tree of ``size`` entries continues that of ``old`` (RFC 9162, 2.1.4.1).

    Raises:
        ValueError: ``old`` is not between 1 and ``size``.
    """
    if not 1 <= old <= size:
        raise ValueError(f"a tree of {size} entries does not continue one of {old}")
    path: list[bytes] = []
    start, stop = 0, size
    whole = True  # whether the old tree is a subtree that its verifier knows the hash of
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            path.append(range_hash(middle, stop, read))
            stop = middle
        else:
            path.append(range_hash(start, middle, read))
            start, whole = middle, False
    if not whole:
        path.append(range_hash(start, stop, read))
    path.reverse()
    return path


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
