"""Seal and open: whoever should can, whatever the length, and nobody else."""

from __future__ import annotations

import io
import os
import tracemalloc

import pytest
from envelope_keys import ARCHIVE, HYBRID, HYBRID_2, OTHERS, PAIRS, RSA
from hypothesis import given, settings
from hypothesis import strategies as st

from safelight.errors import EnvelopeError, VaultError
from safelight.vault.envelope import (
    Suite,
    open_bytes,
    open_stream_unverified,
    seal_bytes,
    seal_stream,
)
from safelight.vault.envelope.limits import MAX_RECIPIENTS

REFUSAL = "the envelope does not open"
SUITES = list(Suite)


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes, at_most: int) -> None:
        self._stream, self._at_most = io.BytesIO(data), at_most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        part = self._stream.read(min(self._at_most, len(buffer)))
        buffer[: len(part)] = part
        return len(part)


class Zeros(io.RawIOBase):
    """So many zero bytes, which nobody holds in memory."""

    def __init__(self, count: int) -> None:
        self._left = count

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        count = min(self._left, len(buffer))
        self._left -= count
        return count


class Nowhere(io.RawIOBase):
    """Counts what is written and takes at most half of it at once, as a socket may."""

    def __init__(self) -> None:
        self.count = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        taken = max(1, len(data) // 2)
        self.count += taken
        return taken


def refused(envelope: bytes, *keys: object, **how: object) -> None:
    """Expects the one refusal."""
    with pytest.raises(EnvelopeError) as caught:
        open_bytes(envelope, keys, **how)  # type: ignore[arg-type]
    assert caught.value.message == REFUSAL
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s.label)
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_round_trip_of_any_length(suite: Suite, data: st.DataObject) -> None:
    edges = [0, 1, 15, 16, 17, 1023, 1024, 1025, 2048, 3072, 5000]
    length = data.draw(st.sampled_from(edges) | st.integers(0, 6000))
    step = data.draw(st.integers(1, 3000))
    plain, pair = os.urandom(length), PAIRS[suite]
    sealed = io.BytesIO()
    seal_stream(Trickle(plain, step), sealed, [pair.public], suite=suite, chunk_log2=10)
    envelope = sealed.getvalue()
    assert open_bytes(envelope, [pair.private], accept={suite}) == plain
    opened = io.BytesIO()
    open_stream_unverified(Trickle(envelope, step), opened, [pair.private], accept={suite})
    assert opened.getvalue() == plain


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s.label)
@pytest.mark.parametrize("length", [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 1 << 19])
def test_memory_and_stream_agree(suite: Suite, length: int) -> None:
    pair, plain = PAIRS[suite], os.urandom(length)
    envelope = seal_bytes(plain, [pair.public], suite=suite)
    opened = io.BytesIO()
    open_stream_unverified(io.BytesIO(envelope), opened, [pair.private], accept={suite})
    assert opened.getvalue() == plain
    assert open_bytes(envelope, [pair.private], accept={suite}) == plain


def test_every_recipient_opens_alone_and_nobody_else() -> None:
    envelope = seal_bytes(b"image", [HYBRID.public_key, HYBRID_2.public_key])
    assert open_bytes(envelope, [HYBRID]) == open_bytes(envelope, [HYBRID_2]) == b"image"
    alone = seal_bytes(b"image", [HYBRID.public_key])
    refused(alone, HYBRID_2)
    refused(alone)
    refused(alone, RSA, ARCHIVE)


def test_two_envelopes_of_one_plaintext_share_nothing() -> None:
    first, second = (seal_bytes(bytes(1000), [ARCHIVE], suite=Suite.ARCHIVE_GCM) for _ in "ab")
    assert first[8:24] != second[8:24]
    assert first[24 + 1 + 18 :] != second[24 + 1 + 18 :]
    assert bytes(4) not in first[30:]


@pytest.mark.parametrize("suite", [s for s in SUITES if s is not Suite.HYBRID_GCM])
def test_only_the_default_suite_opens_unasked(suite: Suite) -> None:
    pair = PAIRS[suite]
    envelope = seal_bytes(b"image", [pair.public], suite=suite)
    refused(envelope, pair.private)
    refused(envelope, pair.private, accept=set(Suite) - {suite})


def test_suite_cannot_be_downgraded() -> None:
    """The RSA suites share keys and wrapping: the header's suite decides, and is bound."""
    envelope = bytearray(seal_bytes(b"image", [RSA.public_key], suite=Suite.RSA_GCM))
    envelope[6] = Suite.RSA_CBC_HMAC.number
    refused(bytes(envelope), RSA, accept=set(Suite))


def test_context_is_bound() -> None:
    envelope = seal_bytes(b"image", [HYBRID.public_key], context=b"request 1")
    assert open_bytes(envelope, [HYBRID], context=b"request 1") == b"image"
    refused(envelope, HYBRID, context=b"request 2")
    refused(envelope, HYBRID)


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s.label)
def test_parts_of_two_envelopes_do_not_mix(suite: Suite) -> None:
    pair = PAIRS[suite]
    first, second = (seal_bytes(bytes(100), [pair.public], suite=suite) for _ in "ab")
    body = len(first) - len(first[-116:] if suite is not Suite.RSA_CBC_HMAC else first[-160:])
    how = {"accept": {suite}}
    refused(first[:body] + second[body:], pair.private, **how)
    refused(first[: body - 32] + second[body - 32 : body] + first[body:], pair.private, **how)


@pytest.mark.parametrize(
    ("recipients", "suite"),
    [
        ([], Suite.HYBRID_GCM),
        ([HYBRID.public_key] * 2, Suite.HYBRID_GCM),
        ([RSA.public_key], Suite.HYBRID_GCM),
        ([HYBRID.public_key, RSA.public_key], Suite.HYBRID_GCM),
        ([HYBRID.public_key], Suite.RSA_GCM),
        ([HYBRID.public_key] * (MAX_RECIPIENTS + 1), Suite.HYBRID_GCM),
    ],
)
def test_recipients_that_no_envelope_has(recipients: list[object], suite: Suite) -> None:
    with pytest.raises(VaultError):
        seal_bytes(b"", recipients, suite=suite)  # type: ignore[arg-type]


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s.label)
def test_memory_is_flat(suite: Suite) -> None:
    """40 MB pass through a few chunks' worth of memory, in both directions."""
    pair, length = PAIRS[suite], 40 << 20
    tracemalloc.start()
    try:
        sink = Nowhere()
        seal_stream(Zeros(length), sink, [pair.public], suite=suite)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length < sink.count < length + 20_000
    assert peak < 3 << 20


def test_overhead_is_small() -> None:
    """Bytes beyond the plaintext, pinned: the archive's bar of 0.1 % rests on the last."""
    sizes = {
        suite: len(seal_bytes(bytes(100), [pair.public], suite=suite)) - 100
        for suite, pair in PAIRS.items()
    }
    assert sizes == {
        Suite.HYBRID_GCM: 1259,
        Suite.RSA_GCM: 347,
        Suite.RSA_CBC_HMAC: 391,
        Suite.ARCHIVE_GCM: 139,
    }


def test_keys_do_not_show_in_repr() -> None:
    for pair in [*PAIRS.values(), *OTHERS.values()]:
        assert pair.private.unsafe_private_bytes().hex()[:16] not in repr(pair.private)


@given(st.binary(max_size=200), st.integers(0, 255))
@settings(deadline=None)
def test_nothing_but_the_refusal_leaves_the_parser(tail: bytes, suite: int) -> None:
    for start in (b"", b"SLEV\x01\x00", b"SLEV\x01\x00" + bytes([suite, 12]) + bytes(16)):
        refused(start + tail, HYBRID, RSA, ARCHIVE, accept=set(Suite))
