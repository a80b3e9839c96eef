"""The tree as RFC 9162 defines it, word by word: slow, recursive, and independent of ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def _split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(entries: Sequence[bytes]) -> bytes:
    """2.1.1: MTH(D_n)."""
    if not entries:
        return hashlib.sha256().digest()
    if len(entries) == 1:
        return hashlib.sha256(b"\x00" + entries[0]).digest()
    k = _split(len(entries))
    return hashlib.sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1: PATH(m, D_n)."""
    if len(entries) == 1:
        return []
    k = _split(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.4.1: PROOF(m, D_n)."""
    return _subproof(m, entries, True)


def _subproof(m: int, entries: Sequence[bytes], known: bool) -> list[bytes]:
    if m == len(entries):
        return [] if known else [mth(entries)]
    k = _split(len(entries))
    if m <= k:
        return [*_subproof(m, entries[:k], known), mth(entries[k:])]
    return [*_subproof(m - k, entries[k:], False), mth(entries[:k])]


def root_of_path(leaf: bytes, m: int, n: int, proof_: Sequence[bytes]) -> bytes | None:
    """The root that a path gives, by following the recursion of 2.1.3.1 downwards; None if the
    path has another length.
    """
    if n == 1:
        return leaf if not proof_ else None
    if not proof_:
        return None
    k = _split(n)
    if m < k:
        left = root_of_path(leaf, m, k, proof_[:-1])
        return None if left is None else hashlib.sha256(b"\x01" + left + proof_[-1]).digest()
    right = root_of_path(leaf, m - k, n - k, proof_[:-1])
    return None if right is None else hashlib.sha256(b"\x01" + proof_[-1] + right).digest()
