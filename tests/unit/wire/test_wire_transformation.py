"""A transformation in a request: bound, and with the level obfuscated alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from safelight.errors import MalformedError, WireError
from safelight.wire.sealed_request import (
    HEADER_BYTES,
    SealedRequest,
    decode_sealed_request,
    encode_sealed_request,
)
from safelight.wire.transformation import TRANSFORMATION_BYTES, Transformation

TRANSFORMATION = Transformation(b"a key id, 16 byt", 4, 10)
REQUEST = SealedRequest(
    "obfuscated", b"m" * 32, b"k" * 32, b"n" * 16, b"reply key", b"sealed", TRANSFORMATION
)


def test_round_trip() -> None:
    message = encode_sealed_request(REQUEST)
    assert decode_sealed_request(message) == REQUEST
    assert len(message) == HEADER_BYTES + TRANSFORMATION_BYTES + len(b"reply keysealed")
    assert Transformation.from_json(TRANSFORMATION.to_json()) == TRANSFORMATION


def test_it_is_bound() -> None:
    contexts = {
        replace(REQUEST, transformation=other).context()
        for other in (
            TRANSFORMATION,
            replace(TRANSFORMATION, key_id=bytes(16)),
            replace(TRANSFORMATION, block=8),
            replace(TRANSFORMATION, jpeg2000_ratio=1),
            None,
        )
    }
    assert len(contexts) == 5


def test_it_goes_with_its_level() -> None:
    with pytest.raises(MalformedError, match="obfuscated"):
        encode_sealed_request(replace(REQUEST, transformation=None))
    with pytest.raises(MalformedError, match="obfuscated"):
        encode_sealed_request(replace(REQUEST, level="envelope"))
    message = bytearray(encode_sealed_request(REQUEST))
    message[96] = 2  # envelope
    with pytest.raises(WireError):
        decode_sealed_request(bytes(message))


@pytest.mark.parametrize("position", [97, 98, HEADER_BYTES, HEADER_BYTES + 1, HEADER_BYTES + 3])
def test_changed_headers_are_refused(position: int) -> None:
    message = bytearray(encode_sealed_request(REQUEST))
    message[position] ^= 0x80
    with pytest.raises(WireError):
        decode_sealed_request(bytes(message))


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2}, {"key_id": "00"}, {"key_id": "zz" * 16}, {"block": 1}, {"block": 65},
        {"jpeg2000_ratio": 0}, {"jpeg2000_ratio": 1.5}, {"key": "00"},
    ],
)  # fmt: skip
def test_descriptions_that_are_none(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        Transformation.from_json(TRANSFORMATION.to_json() | change)
