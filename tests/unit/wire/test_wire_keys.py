"""Key messages, one at a time and as a stream."""

from __future__ import annotations

import dataclasses
import hashlib
import struct

import numpy as np
import pytest

from safelight.errors import (
    MalformedError,
    ParameterMismatchError,
    ResidueRangeError,
    TrailingBytesError,
    TruncatedError,
    WireError,
)
from safelight.wire.key_stream import KeyStreamReader, read_key_messages
from safelight.wire.keys import (
    HEADER_BYTES,
    KeyHeader,
    check_element,
    decode_key,
    encode_key,
    key_message_length,
    keyset_digest,
    peek_key_header,
)
from wire_samples import OTHER_PARAMETERS, PARAMETERS, digest_of, key

SEEDED = encode_key(3, key(level=0))


@pytest.mark.parametrize("seeded", [True, False])
@pytest.mark.parametrize(("element", "level"), [(0, 1), (3, 0), (9, 1)])
def test_round_trip(element: int, level: int, seeded: bool) -> None:
    original = key(level=level, seeded=seeded)
    message = encode_key(element, original)
    assert len(message) == key_message_length(PARAMETERS, level, seeded)
    assert peek_key_header(message[:HEADER_BYTES]) == (element, level, seeded)
    found, again = decode_key(message, PARAMETERS)
    assert (found, again.level, again.seed) == (element, level, original.seed)
    assert np.array_equal(again.residues, original.residues)
    assert encode_key(element, again) == message


def test_trimming_a_seeded_key_changes_no_row() -> None:
    """The mask of digit i at a prime does not depend on the level: keys may be trimmed later."""
    high, low = key(level=1), key(level=0)
    assert np.array_equal(high.residues[:1, :, [0, 2]], low.residues)


def test_elements_are_the_powers_of_three() -> None:
    n = PARAMETERS.n
    powers = {pow(3, k, 2 * n) for k in range(1, n // 2)}
    for element in range(1, 2 * n + 10):
        if element in powers:
            check_element(element, PARAMETERS)
        else:
            with pytest.raises(MalformedError):
                check_element(element, PARAMETERS)


@pytest.mark.parametrize("element", [1, 2, 5, 2 * 4096 - 1, 2 * 4096 + 1, 2**31 + 1])
def test_foreign_elements_are_refused(element: int) -> None:
    with pytest.raises(MalformedError):
        encode_key(element, key(level=0))
    forged = SEEDED[:48] + struct.pack("<I", element) + SEEDED[52:]
    with pytest.raises(MalformedError):
        decode_key(forged, PARAMETERS)


def test_truncations_and_trailing_bytes() -> None:
    for size in (*range(HEADER_BYTES + 40), len(SEEDED) - 1):
        with pytest.raises(TruncatedError):
            decode_key(SEEDED[:size], PARAMETERS)
    with pytest.raises(TrailingBytesError):
        decode_key(SEEDED + b"\0", PARAMETERS)


def test_flips_of_header_bits() -> None:
    """Only flips that make another rotation's key of it pass."""
    for bit in range(8 * HEADER_BYTES):
        flipped = bytearray(SEEDED)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            element, _ = decode_key(bytes(flipped), PARAMETERS)
        except WireError:
            continue
        assert 48 <= bit // 8 < 52
        check_element(element, PARAMETERS)


@pytest.mark.parametrize(
    ("offset", "replacement", "error"),
    [
        (6, b"\x02", MalformedError),
        (6, b"\x00", MalformedError),  # the length does not follow
        (16, bytes(32), ParameterMismatchError),
        (52, b"\x01", MalformedError),
        (52, b"\x02", MalformedError),
        (52, b"\xff", MalformedError),
        (53, b"\x01", MalformedError),
        (88, b"\xff\xff\xff", ResidueRangeError),
    ],
)
def test_refusals(offset: int, replacement: bytes, error: type[WireError]) -> None:
    message = SEEDED[:offset] + replacement + SEEDED[offset + len(replacement) :]
    with pytest.raises(error):
        decode_key(message, PARAMETERS)


def test_other_parameters() -> None:
    with pytest.raises(ParameterMismatchError):
        decode_key(SEEDED, OTHER_PARAMETERS)


def test_vanishing_mask_is_refused_both_ways() -> None:
    original = key(level=0, seeded=False)
    residues = original.residues.copy()
    residues[0, 1, 1] = 0
    with pytest.raises(MalformedError, match="mask"):
        encode_key(0, dataclasses.replace(original, residues=residues))
    row = 4096 * 26 // 8
    with pytest.raises(MalformedError, match="mask"):
        decode_key(encode_key(0, original)[:-row] + bytes(row), PARAMETERS)


@pytest.mark.parametrize("chunk", [1, 55, 56, 1000, 10**6])
def test_stream_in_chunks_of_any_size(chunk: int) -> None:
    messages = [
        encode_key(0, key(level=1)),
        SEEDED,
        encode_key(9, key(level=0, seeded=False)),
    ]
    stream = b"".join(messages)
    if chunk == 1:
        stream, messages = messages[1], messages[1:2]
    chunks = (stream[i : i + chunk] for i in range(0, len(stream), chunk))
    read = list(read_key_messages(chunks, PARAMETERS))
    assert [message.data for message in read] == messages
    assert read[-1].sha256 == hashlib.sha256(messages[-1]).digest()
    assert read[0].header == KeyHeader(*peek_key_header(messages[0]))
    assert read[0].decode().parameters == PARAMETERS
    assert "bytes" in repr(read[0])


def test_stream_refuses_at_the_header() -> None:
    """Nothing is buffered for a message that cannot be one."""
    reader = KeyStreamReader(PARAMETERS)
    reader.feed(SEEDED)
    with pytest.raises(MalformedError, match="twice"):
        reader.feed(SEEDED[:HEADER_BYTES])
    announced = SEEDED[:8] + struct.pack("<Q", 2**40) + SEEDED[16:]
    with pytest.raises(MalformedError):
        KeyStreamReader(PARAMETERS).feed(announced[:HEADER_BYTES])


@pytest.mark.parametrize("size", [1, HEADER_BYTES, len(SEEDED) - 1, len(SEEDED) + 1])
def test_stream_that_ends_within_a_message(size: int) -> None:
    reader = KeyStreamReader(PARAMETERS)
    reader.feed((SEEDED + b"S")[:size])
    with pytest.raises(TruncatedError):
        reader.finish()


def test_keyset_digest_names_elements_and_keys() -> None:
    digests = {0: digest_of("a"), 3: digest_of("b")}
    first = keyset_digest(PARAMETERS.digest, digests)
    assert first == keyset_digest(PARAMETERS.digest, dict(reversed(digests.items())))
    others = [
        keyset_digest(OTHER_PARAMETERS.digest, digests),
        keyset_digest(PARAMETERS.digest, {0: digest_of("a")}),
        keyset_digest(PARAMETERS.digest, {0: digest_of("a"), 9: digest_of("b")}),
        keyset_digest(PARAMETERS.digest, {0: digest_of("b"), 3: digest_of("a")}),
    ]
    assert len({first, *others}) == 5
    with pytest.raises(MalformedError):
        keyset_digest(PARAMETERS.digest, {0: b"short"})
