"""An inference request: what is asked of which model, and one ciphertext.

The nonce makes the digest of every request its own, so that a signed result answers one request
and no other.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from safelight.ckks.parameters import Parameters
from safelight.errors import MalformedError, ParameterMismatchError
from safelight.wire.ciphertext import ciphertext_message_length, ciphertext_parameters_digest
from safelight.wire.frame import (
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    check_digest,
    decode_whole,
    encode_prologue,
)

NONCE_BYTES = 16

# model digest, parameters' digest, nonce, length of the ciphertext message
_FIELDS = struct.Struct("<32s32s16sQ")
HEADER_BYTES = PROLOGUE.size + _FIELDS.size


@dataclass(frozen=True, repr=False)
class InferenceRequest:
    """A request as sent.

    Args:
        model_digest: SHA-256 that names the model.
        parameters_digest: Digest of the parameters, also in the ciphertext.
        nonce: 16 random bytes of the client's choice.
        ciphertext: A ciphertext message; `safelight.wire.ciphertext.decode_ciphertext` reads it
            once the model, and so level and scale, are known.
    """

    model_digest: bytes
    parameters_digest: bytes
    nonce: bytes
    ciphertext: bytes

    def __repr__(self) -> str:
        return f"InferenceRequest({len(self.ciphertext)} bytes of ciphertext)"


def request_message_length(parameters: Parameters, level: int, *, seeded: bool) -> int:
    """Bytes of a request with a fresh ciphertext, known before it is sent."""
    return HEADER_BYTES + ciphertext_message_length(parameters, level, seeded=seeded)


def encode_request(request: InferenceRequest) -> bytes:
    """The message of a request.

    Raises:
        WireError: A digest or nonce of another size, or a ciphertext of other parameters.
    """
    check_digest(request.model_digest, "model")
    check_digest(request.parameters_digest, "parameters")
    if len(request.nonce) != NONCE_BYTES:
        raise MalformedError(f"a nonce of {len(request.nonce)} bytes, not {NONCE_BYTES}")
    _check_ciphertext(request.ciphertext, request.parameters_digest)
    size = len(request.ciphertext)
    return b"".join(
        [
            encode_prologue(Kind.REQUEST, HEADER_BYTES + size),
            _FIELDS.pack(request.model_digest, request.parameters_digest, request.nonce, size),
            request.ciphertext,
        ]
    )


def decode_request(data: Buffer) -> InferenceRequest:
    """Reads a request; of its ciphertext only the prologue and the parameters' digest.

    Raises:
        ParameterMismatchError: The ciphertext is of other parameters than the request.
        WireError: Any other fault, as in `safelight.wire.frame`.
    """
    view = memoryview(data)
    decode_whole(view, Kind.REQUEST, header_bytes=HEADER_BYTES)
    model_digest, parameters_digest, nonce, size = _FIELDS.unpack_from(view, PROLOGUE.size)
    check_announced(len(view), HEADER_BYTES + size)
    _check_ciphertext(view[HEADER_BYTES:], parameters_digest)
    return InferenceRequest(model_digest, parameters_digest, nonce, bytes(view[HEADER_BYTES:]))


def request_digest(data: Buffer) -> bytes:
    """SHA-256 of a request message: what its result is signed for."""
    return hashlib.sha256(data).digest()


def _check_ciphertext(message: Buffer, parameters_digest: bytes) -> None:
    if ciphertext_parameters_digest(message) != parameters_digest:
        raise ParameterMismatchError("request and ciphertext name different parameters")
