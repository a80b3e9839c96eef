"""Sealed requests, the numbers inside them, interfaces, and the signed envelope key."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from safelight.circuit.outputs import Outputs
from safelight.errors import InputError, MalformedError, MisbehavingServiceError, WireError
from safelight.wire.envelope_key import check_envelope_key, sign_envelope_key
from safelight.wire.interface import ModelInterface
from safelight.wire.levels import LEVELS, at_least, level_of, rank
from safelight.wire.plain_tensor import (
    decode_answers,
    decode_inputs,
    encode_answers,
    encode_inputs,
)
from safelight.wire.sealed_request import (
    HEADER_BYTES,
    SealedRequest,
    answer_context,
    decode_sealed_request,
    encode_sealed_request,
)

REQUEST = SealedRequest("envelope", b"m" * 32, b"k" * 32, b"n" * 16, b"reply key", b"sealed")
INTERFACE = ModelInterface(
    "deep", "1", "A model", (1, 2, 2), (), 8.0, {"version": 1, "steps": []}, 4,
    Outputs(("no", "yes"), "sigmoid", "yes", 0.5),
)  # fmt: skip


def test_round_trip() -> None:
    message = encode_sealed_request(REQUEST)
    assert decode_sealed_request(message) == REQUEST
    assert len(message) == HEADER_BYTES + len(b"reply keysealed")
    assert "sealed" not in repr(REQUEST).replace("sealed bytes", "")


def test_the_context_binds_everything_but_the_envelope() -> None:
    others = [
        replace(REQUEST, level="obfuscated"),
        replace(REQUEST, model_digest=b"x" * 32),
        replace(REQUEST, service_key_digest=b"x" * 32),
        replace(REQUEST, nonce=b"x" * 16),
        replace(REQUEST, reply_key=b"reply kez"),
        # lengths are bound too
        replace(REQUEST, nonce=b"n" * 15, reply_key=b"n" + REQUEST.reply_key),
    ]
    contexts = {request.context() for request in [REQUEST, *others]}
    assert len(contexts) == len(others) + 1
    assert REQUEST.with_envelope(b"other").context() == REQUEST.context()
    assert answer_context(b"1" * 32) != answer_context(b"2" * 32)


@pytest.mark.parametrize("size", range(HEADER_BYTES + 15))
def test_cut_messages_are_refused(size: int) -> None:
    with pytest.raises(WireError):
        decode_sealed_request(encode_sealed_request(REQUEST)[:size])


def test_changed_headers_are_refused() -> None:
    message = encode_sealed_request(REQUEST)
    with pytest.raises(WireError):
        decode_sealed_request(message + b"x")
    for position in (96, 97, 101, 102, 103, 104, 111):
        changed = bytearray(message)
        changed[position] ^= 0x40
        with pytest.raises(WireError):
            decode_sealed_request(bytes(changed))


@pytest.mark.parametrize(
    "change",
    [{"model_digest": b""}, {"nonce": b""}, {"reply_key": b""}, {"reply_key": b"x" * 5000}],
)
def test_what_has_no_message(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        encode_sealed_request(replace(REQUEST, **change))


@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.integers(1, 7)), elements=st.floats(-9, 9))
)
def test_numbers_come_back(values: Any) -> None:
    count, each = values.shape
    assert np.array_equal(
        decode_inputs(encode_inputs(values), each, count), values.astype(np.float32)
    )
    assert np.array_equal(decode_answers(encode_answers(values), each, count), values)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1\0\0\0",
        b"\0\0\0\0\2\0\0\0",
        b"\1\0\0\0\3\0\0\0" + bytes(12),
        b"\1\0\0\0\2\0\0\0" + bytes(7),
        b"\1\0\0\0\2\0\0\0" + bytes(9),
        b"\3\0\0\0\2\0\0\0" + bytes(24),
        b"\xff\xff\xff\xff\2\0\0\0" + bytes(8),
        b"\1\0\0\0\2\0\0\0" + np.array([1, np.inf], "<f4").tobytes(),
    ],
)
def test_numbers_that_do_not_fit(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_inputs(data, 2, 2)
    with pytest.raises(MalformedError):
        decode_answers(data, 2, 1)


def test_an_answer_is_to_as_many_as_were_asked() -> None:
    with pytest.raises(MalformedError):
        decode_answers(encode_answers(np.ones((1, 2))), 2, 2)


def test_interface_round_trip() -> None:
    assert ModelInterface.from_json(INTERFACE.to_json() | {"input_shape": [1, 2, 2]} | _lists())
    assert INTERFACE.elements == 4
    assert np.allclose(INTERFACE.probabilities(np.zeros((1, 1))), 0.5)


def _lists() -> dict[str, Any]:
    # as JSON brings them
    outputs = INTERFACE.to_json()["outputs"] | {"classes": ["no", "yes"]}
    return {"input_names": [], "outputs": outputs}


@pytest.mark.parametrize(
    "change",
    [
        {"model": 3},
        {"model": "x\ny"},
        {"records": 0},
        {"records": 1 << 20},
        {"input_bound": 0.0},
        {"input_bound": "8"},
        {"input_shape": []},
        {"input_shape": [0]},
        {"input_shape": [65536, 65536]},
        {"input_names": ["a"]},
        {"preprocessing": []},
        {"outputs": {}},
        {"outputs": {"classes": ["a"], "activation": "sigmoid"}},
        {"further": 1},
    ],
)
def test_interfaces_that_are_none(change: dict[str, Any]) -> None:
    document = INTERFACE.to_json() | {"input_shape": [1, 2, 2]} | _lists() | change
    with pytest.raises(MalformedError):
        ModelInterface.from_json(document)


def test_levels_are_ordered() -> None:
    assert LEVELS == ("plaintext", "obfuscated", "envelope", "homomorphic")
    assert [rank(level) for level in LEVELS] == [0, 1, 2, 3]
    assert at_least("homomorphic", "envelope")
    assert not at_least("obfuscated", "envelope")
    assert level_of("envelope") == "envelope"
    for wrong in ("Envelope", "", None, 2):
        with pytest.raises(InputError, match="level of protection"):
            level_of(wrong)


def test_the_envelope_key_is_signed() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    signature = sign_envelope_key(b"an envelope key", key)
    check_envelope_key(b"an envelope key", signature, public)
    for wrong in (b"another key", b"an envelope kez"):
        with pytest.raises(MisbehavingServiceError):
            check_envelope_key(wrong, signature, public)
    # no signature of a result, nor of a checkpoint, is one of a key
    with pytest.raises(MisbehavingServiceError):
        check_envelope_key(b"an envelope key", key.sign(b"an envelope key"), public)
