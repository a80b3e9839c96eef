"""The service's reading of wire messages: exactly what the model asks for, or a refusal."""

from __future__ import annotations

import hashlib
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.ckks.ciphertext import Ciphertext, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.errors import MalformedError, ParameterMismatchError
from safelight.service.refusals import Refusal
from safelight.service.served_model import ServedModel
from safelight.wire.ciphertext import decode_ciphertext, encode_ciphertext
from safelight.wire.keys import decode_key, key_message_length, peek_key_header
from safelight.wire.request import decode_request, request_message_length
from safelight.wire.result import ResultStatement, sign_result


def max_key_bytes(parameters: Parameters) -> int:
    """Length of the longest key of these parameters."""
    return key_message_length(parameters, parameters.max_level, seeded=False)


def read_key(data: bytes, parameters: Parameters, element: int) -> KeySwitchKey:
    """The key of this element in a message.

    Raises:
        MalformedError: It is the key of another element.
        WireError: It is no key of these parameters.
    """
    # the cheap look first: a foreign key is not worth unpacking
    if peek_key_header(data).element != element:
        raise MalformedError("the key is of another element than the address says")
    return decode_key(data, parameters)[1]


def max_request_bytes(model: ServedModel) -> int:
    """Length of the longest request for a model: one without a seed."""
    return request_message_length(model.parameters, model.program.input_level, seeded=False)


def read_request(data: bytes, model: ServedModel) -> Ciphertext:
    """The ciphertext of a request for a model.

    Raises:
        Refusal: ``model-mismatch``: it was made for another model, or another version of it.
        WireError: It is no request, or its ciphertext is not what the program takes.
    """
    request = decode_request(data)
    if request.parameters_digest != model.parameters.digest:
        raise ParameterMismatchError("the request was made for other parameters")
    if request.model_digest.hex() != model.model_digest:
        raise Refusal("model-mismatch")
    return decode_ciphertext(
        request.ciphertext,
        model.parameters,
        level=model.program.input_level,
        scale=model.program.input_scale,
    )


def signed_result(
    private_key: Ed25519PrivateKey,
    model: ServedModel,
    output: Ciphertext,
    *,
    request_sha256: str,
    job_id: str,
    keys_digest: bytes,
) -> bytes:
    """The result message of a job, signed over everything that it follows from."""
    message = encode_ciphertext(output)
    statement = ResultStatement(
        request_digest=bytes.fromhex(request_sha256),
        job_id=job_id,
        model_digest=bytes.fromhex(model.model_digest),
        program_digest=bytes.fromhex(model.program_digest),
        parameters_digest=model.parameters.digest,
        keys_digest=keys_digest,
        result_digest=hashlib.sha256(message).digest(),
        service_time=int(time.time()),
    )
    return sign_result(statement, message, private_key)
