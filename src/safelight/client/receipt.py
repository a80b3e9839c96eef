"""Receipts: what the service signed about an answer, kept so that anyone can check it later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safelight.errors import MalformedError, MisbehavingServiceError
from safelight.wire.result import ResultStatement, SignedStatement

_HINT = "give a receipt of `safelight diagnose --json` or of a report of the portal, unchanged"
# Spellings of the Python client and of the portal.
_DIGESTS = {
    "request_digest": "requestDigest",
    "model_digest": "modelDigest",
    "program_digest": "programDigest",
    "parameters_digest": "parametersDigest",
    "keys_digest": "keysDigest",
    "result_digest": "resultDigest",
}


@dataclass(frozen=True)
class Receipt:
    """What the service signed: ties a result to request, model, program, parameters and keys.

    All digests are SHA-256 in hex. ``statement`` and ``signature`` are the proof, in hex
    (docs/wire-format.md, Result); the fields before them say in words what the statement holds.
    """

    job: str
    service_key: str
    request_digest: str
    model_digest: str
    program_digest: str
    parameters_digest: str
    keys_digest: str
    result_digest: str
    service_time: int
    level: str
    statement: str
    signature: str

    @classmethod
    def of(cls, signed: SignedStatement, service_key: bytes) -> Receipt:
        """The receipt of an answer whose signature has been verified under ``service_key``."""
        stated = ResultStatement.from_bytes(signed.stated)
        return cls(
            job=stated.job_id,
            service_key=service_key.hex(),
            request_digest=stated.request_digest.hex(),
            model_digest=stated.model_digest.hex(),
            program_digest=stated.program_digest.hex(),
            parameters_digest=stated.parameters_digest.hex(),
            keys_digest=stated.keys_digest.hex(),
            result_digest=stated.result_digest.hex(),
            service_time=stated.service_time,
            level=stated.level,
            statement=signed.stated.hex(),
            signature=signed.signature.hex(),
        )


def verify_receipt(receipt: Mapping[str, object], service_key: str) -> ResultStatement:
    """What a service signed, checked long after the answer: its signature, and each field.

    Args:
        receipt: From the JSON of ``safelight diagnose`` or of the portal's report.
        service_key: The service's Ed25519 public key, 64 hex digits, from its operator: the one
            in the receipt proves nothing, since whoever wrote the receipt wrote it.

    Raises:
        MalformedError: Not a receipt with a statement and a signature.
        MisbehavingServiceError: Another key signed it, or nobody did; or a field of the receipt
            says something else than the statement.
    """
    signed = SignedStatement(_hex(receipt, "statement"), _hex(receipt, "signature"))
    if len(signed.signature) != 64:
        raise MalformedError(f"a signature of {len(signed.signature)} bytes, not 64", hint=_HINT)
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(service_key))
    except ValueError as exc:
        raise MalformedError("the service's key is not 64 hex digits", hint=_HINT) from exc
    statement = signed.verified(key)
    expected: dict[str, object] = {
        "job": statement.job_id,
        "level": statement.level,
        "service_time": statement.service_time,
        "serviceTime": statement.service_time,
    }
    for snake, camel in _DIGESTS.items():
        expected[snake] = expected[camel] = getattr(statement, snake).hex()
    for name, value in expected.items():
        if name in receipt and receipt[name] != value:
            raise MisbehavingServiceError(
                f"the receipt's {name} is not what was signed",
                hint="the receipt was changed after it was made; only its statement is proven",
            )
    return statement


def _hex(receipt: Mapping[str, object], name: str) -> bytes:
    value = receipt.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"the receipt has no {name}", hint=_HINT)
    try:
        return bytes.fromhex(value)
    except ValueError as exc:
        raise MalformedError(f"the receipt's {name} is not hexadecimal", hint=_HINT) from exc
