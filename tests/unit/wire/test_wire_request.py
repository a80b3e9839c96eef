"""Requests."""

from __future__ import annotations

import dataclasses
import hashlib
import struct

import pytest

from safelight.errors import (
    MalformedError,
    ParameterMismatchError,
    TrailingBytesError,
    TruncatedError,
    WireError,
)
from safelight.wire.request import (
    HEADER_BYTES,
    decode_request,
    encode_request,
    request_digest,
    request_message_length,
)
from wire_samples import OTHER_PARAMETERS, PARAMETERS, request

MESSAGE = encode_request(request())


def test_round_trip() -> None:
    assert decode_request(MESSAGE) == request()
    assert len(MESSAGE) == request_message_length(PARAMETERS, 1, seeded=True)
    assert request_digest(MESSAGE) == hashlib.sha256(MESSAGE).digest()


def test_truncations_and_trailing_bytes() -> None:
    for size in (*range(HEADER_BYTES + 80), len(MESSAGE) - 1):
        with pytest.raises(TruncatedError):
            decode_request(MESSAGE[:size])
    with pytest.raises(TrailingBytesError):
        decode_request(MESSAGE + b"\0")


def test_flips_of_header_bits() -> None:
    """Only digests of models and nonces may be anything."""
    for bit in range(8 * HEADER_BYTES):
        flipped = bytearray(MESSAGE)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            decode_request(bytes(flipped))
        except WireError:
            continue
        assert 16 <= bit // 8 < 48 or 80 <= bit // 8 < 96


def test_ciphertext_of_other_parameters() -> None:
    with pytest.raises(ParameterMismatchError):
        encode_request(dataclasses.replace(request(), parameters_digest=OTHER_PARAMETERS.digest))
    with pytest.raises(ParameterMismatchError):
        decode_request(MESSAGE[:48] + OTHER_PARAMETERS.digest + MESSAGE[80:])


def test_inner_message_fills_the_outer_one() -> None:
    inner = struct.pack("<Q", len(MESSAGE) - HEADER_BYTES - 1)
    with pytest.raises(TrailingBytesError):
        decode_request(MESSAGE[: HEADER_BYTES + 8] + inner + MESSAGE[HEADER_BYTES + 16 :])
    with pytest.raises(MalformedError):
        decode_request(MESSAGE[:96] + inner + MESSAGE[104:])


@pytest.mark.parametrize(
    "change", [{"model_digest": b""}, {"parameters_digest": b""}, {"nonce": bytes(15)}]
)
def test_encoder_refuses_wrong_sizes(change: dict[str, bytes]) -> None:
    with pytest.raises(MalformedError):
        encode_request(dataclasses.replace(request(), **change))


def test_repr_shows_no_content() -> None:
    assert repr(request()) == f"InferenceRequest({len(MESSAGE) - HEADER_BYTES} bytes of ciphertext)"
