"""The tree: known answers, and agreement with the definition for every small size."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import merkle_definition as definition
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import AuditTamperedError
from safelight.vault.audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    leaf_hash,
    root_hash,
    stored_count,
    stored_index,
)
from safelight.vault.audit.proofs import verify_consistency, verify_inclusion

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "merkle.json").read_text("utf-8")
)
LARGEST = 70
ENTRIES = [f"entry {number}".encode() for number in range(LARGEST)]


class Stored:
    """The file of hashes, in memory."""

    def __init__(self, entries: list[bytes]) -> None:
        self.hashes: list[bytes] = []
        frontier = Frontier(0, self.read)
        for entry in entries:
            self.hashes += frontier.append(leaf_hash(entry))

    def read(self, level: int, n: int) -> bytes:
        return self.hashes[stored_index(level, n)]


STORED = Stored(ENTRIES)
ROOTS = [definition.mth(ENTRIES[:size]) for size in range(LARGEST + 1)]


def test_known_roots() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
    stored = Stored(leaves)
    for size, root in enumerate(VECTORS["roots"], start=1):
        assert root_hash(size, stored.read).hex() == root
        assert definition.mth(leaves[:size]).hex() == root
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_known_proofs() -> None:
    leaves = [bytes.fromhex(leaf) for leaf in VECTORS["leaves"]]
    roots = [bytes.fromhex(root) for root in VECTORS["roots"]]
    stored = Stored(leaves)
    for case in VECTORS["inclusion"]:
        index, size = case["index"], case["size"]
        path = [bytes.fromhex(part) for part in case["path"]]
        assert inclusion_path(index, size, stored.read) == path
        verify_inclusion(leaf_hash(leaves[index]), index, size, path, roots[size - 1])
    for case in VECTORS["consistency"]:
        old, size = case["old_size"], case["size"]
        path = [bytes.fromhex(part) for part in case["path"]]
        assert consistency_path(old, size, stored.read) == path
        verify_consistency(old, roots[old - 1], size, roots[size - 1], path)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_agrees_with_the_definition(size: int) -> None:
    entries = ENTRIES[:size]
    assert root_hash(size, STORED.read) == ROOTS[size]
    assert len(Stored(entries).hashes) == stored_count(size)
    frontier = Frontier(size, STORED.read)
    assert frontier.root() == ROOTS[size]
    for index in range(size):
        path = inclusion_path(index, size, STORED.read)
        assert path == definition.path(index, entries)
        leaf = leaf_hash(entries[index])
        verify_inclusion(leaf, index, size, path, ROOTS[size])
        assert definition.root_of_path(leaf, index, size, path) == ROOTS[size]
    for old in range(1, size + 1):
        path = consistency_path(old, size, STORED.read)
        assert path == definition.proof(old, entries)
        verify_consistency(old, ROOTS[old], size, ROOTS[size], path)
    verify_consistency(0, EMPTY_ROOT, size, ROOTS[size], [])


@given(st.data())
def test_wrong_proofs_of_inclusion_are_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    path = inclusion_path(index, size, STORED.read)
    leaf, root = leaf_hash(ENTRIES[index]), ROOTS[size]
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "index", "size", "leaf", "root"]))
    if kind == "flip" and path:
        place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
        path[place] = _flipped(path[place], bit)
    elif kind == "cut" and path:
        path.pop(data.draw(st.integers(0, len(path) - 1)))
    elif kind == "longer":
        path.insert(
            data.draw(st.integers(0, len(path))), data.draw(st.binary(min_size=32, max_size=32))
        )
    elif kind == "index" and size > 1:
        index = data.draw(st.integers(0, size - 1).filter(lambda n: n != index))
    elif kind == "size":
        # another size may have a path of the same shape, but then it has another root
        size = data.draw(st.integers(1, LARGEST).filter(lambda n: n != size))
        root = ROOTS[size]
    elif kind == "leaf":
        leaf = _flipped(leaf, data.draw(st.integers(0, 255)))
    else:
        root = _flipped(root, data.draw(st.integers(0, 255)))
    with pytest.raises(AuditTamperedError):
        verify_inclusion(leaf, index, size, path, root)


@given(st.data())
def test_wrong_proofs_of_consistency_are_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, size - 1))
    path = consistency_path(old, size, STORED.read)
    old_root, root = ROOTS[old], ROOTS[size]
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "old root", "root", "empty"]))
    if kind == "flip":
        place, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
        path[place] = _flipped(path[place], bit)
    elif kind == "cut":
        path.pop(data.draw(st.integers(0, len(path) - 1)))
    elif kind == "longer":
        path.insert(
            data.draw(st.integers(0, len(path))), data.draw(st.binary(min_size=32, max_size=32))
        )
    elif kind == "old root":
        old_root = _flipped(old_root, data.draw(st.integers(0, 255)))
    elif kind == "root":
        root = _flipped(root, data.draw(st.integers(0, 255)))
    else:
        path = []
    with pytest.raises(AuditTamperedError):
        verify_consistency(old, old_root, size, root, path)


def test_a_shorter_log_is_no_continuation() -> None:
    with pytest.raises(AuditTamperedError, match="has 3 entries, it had 5"):
        verify_consistency(5, ROOTS[5], 3, ROOTS[3], [])
    with pytest.raises(AuditTamperedError):
        verify_consistency(5, ROOTS[5], 5, ROOTS[6], [])
    with pytest.raises(AuditTamperedError, match="wrong size"):
        verify_inclusion(leaf_hash(b""), 0, 2, [b"short"], ROOTS[2])
    with pytest.raises(AuditTamperedError, match="no entry 7"):
        verify_inclusion(leaf_hash(b""), 7, 2, [], ROOTS[2])


def test_places_are_counted() -> None:
    with pytest.raises(ValueError, match="no entry 3"):
        inclusion_path(3, 3, STORED.read)
    with pytest.raises(ValueError, match="does not continue"):
        consistency_path(4, 3, STORED.read)


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)
