"""Signed results: what a client may not take for its answer."""

from __future__ import annotations

import dataclasses
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.errors import (
    DigestMismatchError,
    MalformedError,
    MisbehavingServiceError,
    SafelightError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedVersionError,
    WireError,
)
from safelight.wire.result import (
    HEADER_BYTES,
    ResultStatement,
    max_result_length,
    open_result,
    sign_result,
)
from wire_samples import PARAMETERS, SIGNING_KEY, digest_of, result_ciphertext, statement

CIPHERTEXT = result_ciphertext()
MESSAGE = sign_result(statement(), CIPHERTEXT, SIGNING_KEY)
STATEMENT_END = HEADER_BYTES + len(statement().to_bytes())
EXPECTED: dict[str, Any] = {
    "request_digest": digest_of("request"),
    "model_digest": digest_of("model"),
    "parameters_digest": PARAMETERS.digest,
}


def open_it(data: bytes, **changes: Any) -> tuple[ResultStatement, bytes]:
    return open_result(data, SIGNING_KEY.public_key(), **(EXPECTED | changes))


def test_round_trip() -> None:
    assert open_it(MESSAGE) == (statement(), CIPHERTEXT)
    assert open_it(MESSAGE, keys_digest=digest_of("keys"))[0].level == "homomorphic"
    assert len(MESSAGE) <= max_result_length(len(CIPHERTEXT))
    assert ResultStatement.from_bytes(statement().to_bytes()) == statement()


def test_longest_statement() -> None:
    long = dataclasses.replace(statement(), job_id="j" * 64, level="l" * 16)
    message = sign_result(long, CIPHERTEXT, SIGNING_KEY)
    assert len(message) == max_result_length(len(CIPHERTEXT))
    assert open_it(message, level="l" * 16)[0] == long


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"request_digest": digest_of("another")}, "another request"),
        ({"model_digest": digest_of("another")}, "another model"),
        ({"parameters_digest": digest_of("another")}, "other parameters"),
        ({"keys_digest": digest_of("another")}, "other keys"),
        ({"level": "envelope"}, "another level of protection"),
    ],
)
def test_answers_to_something_else(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(MisbehavingServiceError, match=what):
        open_it(MESSAGE, **changes)


def test_downgrade_is_refused() -> None:
    weaker = sign_result(
        dataclasses.replace(statement(), level="plaintext"), CIPHERTEXT, SIGNING_KEY
    )
    with pytest.raises(MisbehavingServiceError, match="level of protection"):
        open_it(weaker)


def test_false_signatures() -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    for forged in (
        sign_result(statement(), CIPHERTEXT, other),
        MESSAGE[:32] + bytes(64) + MESSAGE[96:],
        MESSAGE[:96] + digest_of("another") + MESSAGE[128:],
    ):
        with pytest.raises(MisbehavingServiceError, match="false"):
            open_it(forged)


def test_signature_is_for_results_only() -> None:
    """The prefix keeps a signature over the bare statement from counting."""
    signature = SIGNING_KEY.sign(statement().to_bytes())
    with pytest.raises(MisbehavingServiceError):
        open_it(MESSAGE[:32] + signature + MESSAGE[96:])


def test_exchanged_ciphertext() -> None:
    changed = bytearray(MESSAGE)
    changed[-1] ^= 1
    with pytest.raises(MisbehavingServiceError, match="another ciphertext"):
        open_it(bytes(changed))
    with pytest.raises(DigestMismatchError):
        sign_result(statement(), CIPHERTEXT + b"\0", SIGNING_KEY)


def test_every_truncation_of_header_and_statement() -> None:
    for size in (*range(STATEMENT_END + 8), len(MESSAGE) - 1):
        with pytest.raises(TruncatedError):
            open_it(MESSAGE[:size])
    with pytest.raises(TrailingBytesError):
        open_it(MESSAGE + b"\0")


def test_every_flip_of_header_and_statement_is_refused() -> None:
    for bit in range(8 * STATEMENT_END):
        flipped = bytearray(MESSAGE)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((WireError, MisbehavingServiceError)):
            open_it(bytes(flipped))


@pytest.mark.parametrize(
    ("offset", "replacement", "error"),
    [
        (4, b"\x01", MalformedError),
        (5, b"\x00", UnsupportedVersionError),
        (16, b"\x00\x00", MalformedError),
        (16, b"\xff\xff", MalformedError),
        (18, b"\x01", MalformedError),
        (24, struct.pack("<Q", 2**64 - 1), MalformedError),
        (HEADER_BYTES + 192, struct.pack("<Q", 2**53), MalformedError),
        (HEADER_BYTES + 200, b"\x00", MalformedError),
        (HEADER_BYTES + 202, b"\xff", MalformedError),
        (STATEMENT_END - 1, b"C", MalformedError),
    ],
)
def test_refusals(offset: int, replacement: bytes, error: type[SafelightError]) -> None:
    with pytest.raises(error):
        open_it(MESSAGE[:offset] + replacement + MESSAGE[offset + len(replacement) :])


@pytest.mark.parametrize(
    "change",
    [
        {"request_digest": b""},
        {"result_digest": bytes(31)},
        {"job_id": ""},
        {"job_id": "j" * 65},
        {"job_id": "a b"},
        {"job_id": "\ud800"},
        {"level": "Homomorphic"},
        {"level": ""},
        {"service_time": -1},
        {"service_time": 2**53},
    ],
)
def test_statements_without_a_form(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        dataclasses.replace(statement(), **change).to_bytes()
