"""Checking proofs of the tree: what anybody can do who has two checkpoints and no log.

**Source**: RFC 9162, 2.1.3.2 and 2.1.4.2, step by step.
"""

from __future__ import annotations

from collections.abc import Sequence

from safelight.errors import AuditTamperedError
from safelight.vault.audit.merkle import EMPTY_ROOT, HASH_BYTES, node_hash


def verify_inclusion(
    leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Checks that a tree has an entry at a place.

    Args:
        leaf: `safelight.vault.audit.merkle.leaf_hash` of the entry.
        index: Its place, from 0.
        size: Entries of the tree.
        path: The proof.
        root: Root of the tree.

    Raises:
        AuditTamperedError: It does not follow.
    """
    _check_hashes(path)
    if not 0 <= index < size:
        raise AuditTamperedError(f"no entry {index} in a log of {size}")
    number, last, result = index, size - 1, leaf
    for part in path:
        if last == 0:
            raise AuditTamperedError("the inclusion proof is too long")
        if number & 1 or number == last:
            result = node_hash(part, result)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            result = node_hash(result, part)
        number, last = number >> 1, last >> 1
    if last != 0 or result != root:
        raise AuditTamperedError(f"the proof does not show entry {index} in the log of {size}")


def verify_consistency(
    old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]
) -> None:
    """Checks that a tree continues an older one without having changed it.

    Raises:
        AuditTamperedError: It does not follow: one of the two is not of this log, or the log
            was rewritten or cut.
    """
    _check_hashes(path)
    if size < old_size:
        raise AuditTamperedError(f"the log has {size} entries, it had {old_size}")
    if old_size in (0, size):
        expected = EMPTY_ROOT if old_size == 0 else root
        if path or old_root != expected:
            raise AuditTamperedError(f"the log of {size} does not continue that of {old_size}")
        return
    parts = list(path)
    if old_size & (old_size - 1) == 0:  # a power of two: its root is the first node
        parts.insert(0, old_root)
    if not parts:
        raise AuditTamperedError("the consistency proof is empty")
    number, last = old_size - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    old, new = parts[0], parts[0]
    for part in parts[1:]:
        if last == 0:
            raise AuditTamperedError("the consistency proof is too long")
        if number & 1 or number == last:
            old, new = node_hash(part, old), node_hash(part, new)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            new = node_hash(new, part)
        number, last = number >> 1, last >> 1
    if last != 0 or old != old_root or new != root:
        raise AuditTamperedError(f"the log of {size} does not continue that of {old_size}")


def _check_hashes(path: Sequence[bytes]) -> None:
    if any(len(part) != HASH_BYTES for part in path):
        raise AuditTamperedError("a hash of the proof has a wrong size")
