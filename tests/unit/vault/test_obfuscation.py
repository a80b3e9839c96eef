"""The keyed rearrangement: undone by its key, another for every key, and no encryption."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import InputError
from safelight.vault.obfuscation import KEY_BYTES, Obfuscation, new_key


@given(
    key=st.binary(min_size=KEY_BYTES, max_size=KEY_BYTES),
    shape=st.sampled_from([(8, 8), (28, 28), (12, 20), (8, 8, 3)]),
    seed=st.integers(0, 1000),
)
def test_undone_by_the_same_key(key: bytes, shape: tuple[int, ...], seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (2, *shape)).astype(np.uint8)
    obfuscation = Obfuscation.from_key(key, shape)
    assert (obfuscation.undo(obfuscation.apply(images)) == images).all()


def test_a_key_is_one_transformation_and_another_key_another() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1, 28, 28)).astype(np.uint8)
    first, second = new_key(), new_key()
    seen = [Obfuscation.from_key(k, (28, 28)).apply(images) for k in (first, first, second)]
    assert (seen[0] == seen[1]).all()
    assert (seen[0] != seen[2]).mean() > 0.9


def test_block_places_are_drawn_evenly() -> None:
    # 4 blocks: all 24 orders about equally often
    rng = np.random.default_rng(0)
    orders = [
        tuple(Obfuscation.from_key(rng.bytes(KEY_BYTES), (8, 8)).block_order) for _ in range(2400)
    ]
    counts = np.unique(np.array(orders), axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert counts.min() > 55
    assert counts.max() < 160


def test_bad_input() -> None:
    with pytest.raises(InputError, match="32 bytes"):
        Obfuscation.from_key(b"short", (8, 8))
    with pytest.raises(InputError, match="cannot be cut"):
        Obfuscation.from_key(new_key(), (10, 8))
    with pytest.raises(InputError, match="uint8"):
        Obfuscation.from_key(new_key(), (8, 8)).apply(np.zeros((1, 8, 8)))
