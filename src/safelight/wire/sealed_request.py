"""A sealed request: inputs in an envelope for the service, and the key to seal the answer to.

The level stands in the request, and everything before the envelope is bound to it: whoever
changes the model, the level or the reply key, or puts the envelope into another request, has
something that does not open. At the level `obfuscated` the transformation is bound as well.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, replace

from safelight.errors import InputError, MalformedError
from safelight.wire.frame import (
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    check_digest,
    decode_whole,
    encode_prologue,
)
from safelight.wire.levels import LEVELS, Level, level_of, rank
from safelight.wire.request import NONCE_BYTES
from safelight.wire.transformation import Transformation

# Any public key of an envelope suite: a hybrid one has 1216 bytes, RSA-4096 some 550.
MAX_REPLY_KEY_BYTES = 4096

# model digest, digest of the service's envelope key, nonce, level, length of the transformation,
# reserved, reply key, envelope
_FIELDS = struct.Struct("<32s32s16sBB4sHQ")
_RESERVED = bytes(4)
HEADER_BYTES = PROLOGUE.size + _FIELDS.size

_REQUEST_CONTEXT = b"safelight sealed request v1\0"
_ANSWER_CONTEXT = b"safelight sealed answer v1\0"


@dataclass(frozen=True, repr=False)
class SealedRequest:
    """A sealed request as sent.

    Args:
        level: Level of protection that is asked for.
        model_digest: SHA-256 that names the model.
        service_key_digest: SHA-256 of the service's envelope key.
        nonce: 16 random bytes of the client's choice.
        reply_key: Public key, of this request alone, that the answer is sealed to.
        envelope: Sealed inputs.
        transformation: Of the inputs; at the level `obfuscated`, and only there.
    """

    level: Level
    model_digest: bytes
    service_key_digest: bytes
    nonce: bytes
    reply_key: bytes
    envelope: bytes
    transformation: Transformation | None = None

    def __repr__(self) -> str:
        return f"SealedRequest({self.level}, {len(self.envelope)} sealed bytes)"

    def with_envelope(self, envelope: bytes) -> SealedRequest:
        """The same request with an envelope, sealed in its `context`."""
        return replace(self, envelope=envelope)

    def context(self) -> bytes:
        """What the envelope is bound to; the envelope itself is not part of it."""
        parts = (
            self.model_digest, self.service_key_digest, self.nonce,
            bytes([rank(self.level)]), self.reply_key,
        )  # fmt: skip
        further = () if self.transformation is None else (self.transformation.to_bytes(),)
        digest = hashlib.sha256()
        for part in (*parts, *further):
            digest.update(len(part).to_bytes(4, "little") + part)
        return _REQUEST_CONTEXT + digest.digest()


def answer_context(request_digest: bytes) -> bytes:
    """What the envelope of an answer is bound to: the request with this SHA-256."""
    return _ANSWER_CONTEXT + request_digest


def encode_sealed_request(request: SealedRequest) -> bytes:
    """The message of a sealed request.

    Raises:
        MalformedError: A field of another size.
    """
    check_digest(request.model_digest, "model")
    check_digest(request.service_key_digest, "service's key")
    if len(request.nonce) != NONCE_BYTES or not 0 < len(request.reply_key) <= MAX_REPLY_KEY_BYTES:
        raise MalformedError("a nonce or a reply key of another size")
    if (request.level == "obfuscated") != (request.transformation is not None):
        raise MalformedError("a transformation goes with the level obfuscated, and with no other")
    transformation = b"" if request.transformation is None else request.transformation.to_bytes()
    body = transformation + request.reply_key + request.envelope
    fields = _FIELDS.pack(
        request.model_digest,
        request.service_key_digest,
        request.nonce,
        rank(request.level),
        len(transformation),
        _RESERVED,
        len(request.reply_key),
        len(request.envelope),
    )
    return encode_prologue(Kind.SEALED_REQUEST, HEADER_BYTES + len(body)) + fields + body


def decode_sealed_request(data: Buffer) -> SealedRequest:
    """Reads a sealed request; the envelope is not opened.

    Raises:
        WireError: Cut short, too long, of another kind, or a field outside its values.
    """
    view = memoryview(data)
    decode_whole(view, Kind.SEALED_REQUEST, header_bytes=HEADER_BYTES)
    model, key, nonce, level, transformation_size, reserved, reply_size, size = _FIELDS.unpack_from(
        view, PROLOGUE.size
    )
    check_announced(len(view), HEADER_BYTES + transformation_size + reply_size + size)
    if reserved != _RESERVED or not 0 < reply_size <= MAX_REPLY_KEY_BYTES:
        raise MalformedError("reserved bytes are not zero, or there is no reply key")
    try:
        name = level_of(LEVELS[level] if level < len(LEVELS) else None)
    except InputError as exc:
        raise MalformedError("a level of protection that there is not") from exc
    if (name == "obfuscated") != (transformation_size > 0):
        raise MalformedError("a transformation goes with the level obfuscated, and with no other")
    reply_start = HEADER_BYTES + transformation_size
    start = reply_start + reply_size
    transformation = (
        Transformation.from_bytes(view[HEADER_BYTES:reply_start]) if transformation_size else None
    )
    return SealedRequest(
        name, model, key, nonce, bytes(view[reply_start:start]), bytes(view[start:]), transformation
    )
