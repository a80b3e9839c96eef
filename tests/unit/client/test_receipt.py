"""A receipt proves later what a service stated, and only that."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.client.receipt import Receipt, verify_receipt
from safelight.errors import MalformedError, MisbehavingServiceError
from safelight.wire.result import ResultStatement, sign_result, signed_statement

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
CIPHERTEXT = b"a ciphertext message"
DIGESTS = [hashlib.sha256(bytes([i])).digest() for i in range(5)]
STATEMENT = ResultStatement(
    request_digest=DIGESTS[0],
    job_id="job-1",
    model_digest=DIGESTS[1],
    program_digest=DIGESTS[2],
    parameters_digest=DIGESTS[3],
    keys_digest=DIGESTS[4],
    result_digest=hashlib.sha256(CIPHERTEXT).digest(),
    service_time=1_790_000_000,
)


@pytest.fixture
def receipt() -> dict[str, object]:
    """As `safelight diagnose --json` writes it."""
    signed = signed_statement(sign_result(STATEMENT, CIPHERTEXT, KEY))
    return asdict(Receipt.of(signed, PUBLIC))


def test_a_receipt_proves_its_statement(receipt: dict[str, object]) -> None:
    assert verify_receipt(receipt, PUBLIC.hex()) == STATEMENT
    portals = {
        "job": receipt["job"],
        "requestDigest": receipt["request_digest"],
        "serviceTime": receipt["service_time"],
        "statement": receipt["statement"],
        "signature": receipt["signature"],
    }
    assert verify_receipt(portals, PUBLIC.hex()) == STATEMENT


def test_another_key_did_not_sign_it(receipt: dict[str, object]) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw()
    with pytest.raises(MisbehavingServiceError, match="signature is false"):
        verify_receipt(receipt | {"service_key": other.hex()}, other.hex())


@pytest.mark.parametrize(
    "name", ["job", "level", "service_time", "model_digest", "keys_digest", "resultDigest"]
)
def test_a_changed_field_is_noticed(receipt: dict[str, object], name: str) -> None:
    with pytest.raises(MisbehavingServiceError, match=f"{name} is not what was signed"):
        verify_receipt(receipt | {name: "ab" * 32}, PUBLIC.hex())


def test_a_changed_statement_is_noticed(receipt: dict[str, object]) -> None:
    stated = bytearray.fromhex(str(receipt["statement"]))
    stated[0] ^= 1
    with pytest.raises(MisbehavingServiceError, match="signature is false"):
        verify_receipt(receipt | {"statement": stated.hex()}, PUBLIC.hex())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"statement": None}, "no statement"),
        ({"signature": "zz"}, "not hexadecimal"),
        ({"signature": "00"}, "1 bytes, not 64"),
        ({"statement": "00"}, "1 bytes"),
    ],
)
def test_what_is_no_receipt(
    receipt: dict[str, object], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(MalformedError, match=words):
        verify_receipt(receipt | changes, PUBLIC.hex())
    with pytest.raises(MalformedError, match="64 hex digits"):
        verify_receipt(receipt, "abc")
