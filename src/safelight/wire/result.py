"""A signed result: what was computed for which request, and the ciphertext that came out.

The service signs a statement that names everything by its digest, so that it can be held to what
it returned, and a client can never take another request's, model's or key set's answer for its own.
"""

from __future__ import annotations

import hashlib
import re
import struct
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from safelight.errors import DigestMismatchError, MalformedError, MisbehavingServiceError
from safelight.wire.frame import (
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    check_digest,
    decode_whole,
    encode_prologue,
)

HOMOMORPHIC = "homomorphic"
SIGNATURE_BYTES = 64
MAX_JOB_CHARS = 64
MAX_LEVEL_CHARS = 16
MAX_TIME_S = (1 << 53) - 1  # what a double, and so JavaScript, holds exactly

_DOMAIN = b"safelight result v1\0"
# length of the statement, reserved, length of the ciphertext, signature
_FIELDS = struct.Struct("<H6sQ64s")
_RESERVED = bytes(6)
# six digests, time, length of the job's id, length of the level's name
_STATEMENT = struct.Struct("<32s32s32s32s32s32sQBB")
HEADER_BYTES = PROLOGUE.size + _FIELDS.size
MAX_STATEMENT_BYTES = _STATEMENT.size + MAX_JOB_CHARS + MAX_LEVEL_CHARS

_JOB = re.compile(rb"[0-9A-Za-z_-]{1,64}")
_LEVEL = re.compile(rb"[a-z]{1,16}")


@dataclass(frozen=True)
class ResultStatement:
    """What a service signs.

    Args:
        request_digest: SHA-256 of the request message.
        job_id: Name of the job, 1 to 64 of ``0-9A-Za-z_-``.
        model_digest: SHA-256 that names the model.
        program_digest: SHA-256 of the program message.
        parameters_digest: Digest of the parameters.
        keys_digest: `safelight.wire.keys.keyset_digest` of the evaluation keys used.
        result_digest: SHA-256 of the returned ciphertext message.
        service_time: When it was signed, in Unix seconds.
        level: Level of protection under which it was computed.
    """

    request_digest: bytes
    job_id: str
    model_digest: bytes
    program_digest: bytes
    parameters_digest: bytes
    keys_digest: bytes
    result_digest: bytes
    service_time: int
    level: str = HOMOMORPHIC

    def to_bytes(self) -> bytes:
        """The one byte form, without the prefix that is signed with it.

        Raises:
            MalformedError: A digest of another size, or a field outside its allowed values.
        """
        digests = {
            "request": self.request_digest,
            "model": self.model_digest,
            "program": self.program_digest,
            "parameters": self.parameters_digest,
            "keys": self.keys_digest,
            "result": self.result_digest,
        }
        for what, digest in digests.items():
            check_digest(digest, what)
        job_id, level = self.job_id.encode(errors="replace"), self.level.encode(errors="replace")
        _check_fields(job_id, level, self.service_time)
        sizes = (self.service_time, len(job_id), len(level))
        return _STATEMENT.pack(*digests.values(), *sizes) + job_id + level

    @classmethod
    def from_bytes(cls, data: Buffer) -> ResultStatement:
        """Reads `to_bytes`.

        Raises:
            MalformedError: A wrong length or a field outside its allowed values.
        """
        if len(data) < _STATEMENT.size:
            raise MalformedError(f"a statement of {len(data)} bytes, below {_STATEMENT.size}")
        request, model, program, parameters, keys, result, time_s, job_size, level_size = (
            _STATEMENT.unpack_from(data)
        )
        check_announced(len(data), _STATEMENT.size + job_size + level_size)
        job_id = bytes(data[_STATEMENT.size : _STATEMENT.size + job_size])
        level = bytes(data[_STATEMENT.size + job_size :])
        _check_fields(job_id, level, time_s)
        return cls(
            request, job_id.decode(), model, program, parameters, keys, result, time_s,
            level.decode(),
        )  # fmt: skip


@dataclass(frozen=True)
class SignedStatement:
    """The bytes of a statement and the Ed25519 signature over them: what proves who answered.

    Args:
        stated: As `ResultStatement.to_bytes`.
        signature: 64 bytes over ``safelight result v1``, a zero byte, and ``stated``.
    """

    stated: bytes
    signature: bytes

    def verified(self, public_key: Ed25519PublicKey) -> ResultStatement:
        """What was stated, once it is known that the holder of ``public_key`` signed it.

        Raises:
            MalformedError: Not a statement.
            MisbehavingServiceError: A false signature, or another key's.
        """
        statement = ResultStatement.from_bytes(self.stated)
        try:
            public_key.verify(self.signature, _DOMAIN + self.stated)
        except InvalidSignature as exc:
            raise MisbehavingServiceError(
                "the result's signature is false", hint="do not use this result; ask the operator"
            ) from exc
        return statement


def signed_statement(data: Buffer) -> SignedStatement:
    """Statement and signature of a result message, to be verified now or later.

    Raises:
        WireError: Not a result message: cut short, too long, another version or kind.
    """
    view = memoryview(data)
    decode_whole(view, Kind.RESULT, header_bytes=HEADER_BYTES)
    stated_bytes, reserved, size, signature = _FIELDS.unpack_from(view, PROLOGUE.size)
    if reserved != _RESERVED:
        raise MalformedError("reserved bytes are not zero")
    check_announced(len(view), HEADER_BYTES + stated_bytes + size)
    stated = bytes(view[HEADER_BYTES : HEADER_BYTES + stated_bytes])
    return SignedStatement(stated, signature)


def max_result_length(ciphertext_length: int) -> int:
    """Most bytes of a result message around a ciphertext message of that length."""
    return HEADER_BYTES + MAX_STATEMENT_BYTES + ciphertext_length


def sign_result(
    statement: ResultStatement, ciphertext_message: bytes, private_key: Ed25519PrivateKey
) -> bytes:
    """The result message.

    Raises:
        DigestMismatchError: The statement is about another ciphertext.
        MalformedError: As `ResultStatement.to_bytes`.
    """
    if hashlib.sha256(ciphertext_message).digest() != statement.result_digest:
        raise DigestMismatchError("the statement is about another ciphertext")
    stated = statement.to_bytes()
    signature = private_key.sign(_DOMAIN + stated)
    size = len(ciphertext_message)
    length = HEADER_BYTES + len(stated) + size
    fields = _FIELDS.pack(len(stated), _RESERVED, size, signature)
    return b"".join([encode_prologue(Kind.RESULT, length), fields, stated, ciphertext_message])


def open_result(
    data: Buffer,
    public_key: Ed25519PublicKey,
    *,
    request_digest: bytes,
    model_digest: bytes,
    parameters_digest: bytes,
    keys_digest: bytes | None = None,
    level: str = HOMOMORPHIC,
) -> tuple[ResultStatement, bytes]:
    """Statement and ciphertext message, once they are known to answer this request.

    Args:
        data: One whole message.
        public_key: The key that the client has known before.
        request_digest: SHA-256 of the request that was sent.
        model_digest: Of the model that was asked for.
        parameters_digest: Of the parameters that were used.
        keys_digest: Of the keys that were uploaded, where the client keeps it.
        level: Level of protection that was asked for: never a silent downgrade.

    Raises:
        WireError: Not a result message: cut short, too long, another version or kind, a field
            outside its allowed values.
        MisbehavingServiceError: In this order: a false signature; a ciphertext that is not the
            signed one; the answer to another request; of another model; under other parameters;
            with other keys; at another level of protection.
    """
    signed = signed_statement(data)
    statement = signed.verified(public_key)
    ciphertext = memoryview(data)[HEADER_BYTES + len(signed.stated) :]
    expectations = [
        (hashlib.sha256(ciphertext).digest() == statement.result_digest, "another ciphertext"),
        (statement.request_digest == request_digest, "another request"),
        (statement.model_digest == model_digest, "another model"),
        (statement.parameters_digest == parameters_digest, "other parameters"),
        (keys_digest in (None, statement.keys_digest), "other keys"),
        (statement.level == level, "another level of protection"),
    ]
    for holds, what in expectations:
        if not holds:
            raise MisbehavingServiceError(f"the signed result is that of {what}")
    return statement, bytes(ciphertext)


def _check_fields(job_id: bytes, level: bytes, time_s: int) -> None:
    if not _JOB.fullmatch(job_id):
        raise MalformedError("the job's id is not 1 to 64 of 0-9, A-Z, a-z, _ and -")
    if not _LEVEL.fullmatch(level):
        raise MalformedError("the level is not 1 to 16 lower-case letters")
    if not 0 <= time_s <= MAX_TIME_S:
        raise MalformedError("the time is out of range")
