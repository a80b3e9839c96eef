"""No single bit of an envelope can be changed: exhaustive on a small one, sampled on a large."""

from __future__ import annotations

import random

import pytest
from envelope_keys import PAIRS

from safelight.errors import EnvelopeError
from safelight.vault.envelope import Suite, open_bytes, seal_bytes

MESSAGES: set[tuple[str, str]] = set()


def opens_with_flip(envelope: bytearray, bit: int, suite: Suite) -> bool:
    """Whether it opens with one bit changed; changes it back."""
    envelope[bit // 8] ^= 1 << bit % 8
    try:
        open_bytes(envelope, [PAIRS[suite].private], accept=set(Suite))
    except EnvelopeError as exc:
        MESSAGES.add((exc.message, exc.hint))
        return False
    else:
        return True
    finally:
        envelope[bit // 8] ^= 1 << bit % 8


@pytest.mark.parametrize("suite", list(Suite), ids=lambda s: s.label)
def test_every_bit_of_a_small_envelope(suite: Suite) -> None:
    envelope = bytearray(seal_bytes(b"\x07" * 40, [PAIRS[suite].public], suite=suite))
    bits = range(8 * len(envelope))
    assert not [bit for bit in bits if opens_with_flip(envelope, bit, suite)]
    assert len(MESSAGES) == 1
    assert open_bytes(envelope, [PAIRS[suite].private], accept={suite}) == b"\x07" * 40


@pytest.mark.parametrize("suite", list(Suite), ids=lambda s: s.label)
def test_sampled_bits_of_a_large_envelope(suite: Suite) -> None:
    envelope = bytearray(seal_bytes(bytes(3 << 18), [PAIRS[suite].public], suite=suite))
    sample = random.Random(7).sample(range(8 * len(envelope)), 60)
    assert not [bit for bit in sample if opens_with_flip(envelope, bit, suite)]
    assert len(MESSAGES) == 1


@pytest.mark.parametrize("suite", list(Suite), ids=lambda s: s.label)
def test_every_cut_of_a_small_envelope(suite: Suite) -> None:
    envelope = seal_bytes(b"\x07" * 40, [PAIRS[suite].public], suite=suite)
    step = 1 if suite in (Suite.HYBRID_GCM, Suite.ARCHIVE_GCM) else 7
    for length in range(0, len(envelope), step):
        with pytest.raises(EnvelopeError):
            open_bytes(envelope[:length], [PAIRS[suite].private], accept=set(Suite))
