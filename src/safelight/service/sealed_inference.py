"""Inference at the levels `envelope` and `obfuscated`.

1. Open the envelope into memory that is ours.
2. Run the model on what was in it.
3. Overwrite that memory.
4. Seal the answer to the key that came with the request, and sign the statement.

Nothing of it is written in clear, and nothing of it is kept. What cannot be overwritten (values
inside the model's runtime) stays in freed memory until it is reused.
"""

from __future__ import annotations

import hashlib
import io
import time
from typing import Any

from safelight.errors import EnvelopeError, MalformedError, VaultKeyError
from safelight.service.envelope_key import EnvelopeKey
from safelight.service.job import Job
from safelight.service.plain_models import PlainModel, PlainModels
from safelight.service.refusals import Refusal
from safelight.service.signing import Signer
from safelight.vault.envelope.header import MAX_HEADER_BYTES
from safelight.vault.envelope.hybrid_key import HybridPublicKey
from safelight.vault.envelope.opening import open_stream_unverified
from safelight.vault.envelope.sealing import seal_bytes
from safelight.wire.interface import ModelInterface
from safelight.wire.levels import Level
from safelight.wire.plain_tensor import HEAD_BYTES, INPUT_BYTES, decode_inputs, encode_answers
from safelight.wire.result import ResultStatement, sign_result
from safelight.wire.sealed_request import (
    HEADER_BYTES,
    MAX_REPLY_KEY_BYTES,
    SealedRequest,
    answer_context,
    decode_sealed_request,
)

# Tags and padding: at most a chunk of 2^10 bytes with 64 bytes around it.
_SEALED_OVERHEAD = 1 / 16


class SealedInference:
    """Opens, runs, seals; from any thread.

    Args:
        models: Plain models.
        key: Opens requests.
        signer: Signs results.
    """

    def __init__(self, models: PlainModels, key: EnvelopeKey, signer: Signer) -> None:
        self._models = models
        self._key = key
        self._signer = signer

    def check(self, data: bytes, model: PlainModel, level: Level) -> SealedRequest:
        """The request in a message, if it is one for this model at this level; not opened.

        Raises:
            Refusal: ``model-mismatch``, ``level-mismatch``, ``transformation-mismatch`` or
                ``envelope-key-mismatch``.
            WireError: It is no sealed request for this service.
        """
        request = decode_sealed_request(data)
        if request.model_digest.hex() != model.model_digest:
            raise Refusal("model-mismatch")
        if request.level != level:
            raise Refusal("level-mismatch")
        if request.transformation != model.transformation:
            raise Refusal("transformation-mismatch")
        if request.service_key_digest != self._key.digest:
            raise Refusal("envelope-key-mismatch")
        _reply_key(request)
        return request

    def evaluate(self, job: Job, data: bytes) -> tuple[bytes, float]:
        """The signed result of a job, and the milliseconds that the model took.

        Raises:
            Refusal: As `check`.
            WireError: The request is damaged, or was not sealed for this.
            ProgramError: The model failed.
        """
        model = self._models.model(job.model)
        request = self.check(data, model, job.level)
        # no name but this one refers to the plain input
        opened = _Overwritten(_plain_bytes(model.interface))
        try:
            open_stream_unverified(
                io.BytesIO(request.envelope),
                opened,  # type: ignore[arg-type]
                [self._key.private_key],
                context=request.context(),
            )
            interface = model.interface
            values = decode_inputs(opened.view(), interface.elements, interface.records)
            started = time.monotonic()
            numbers = model.runner.run(values.reshape(len(values), *interface.input_shape))
            evaluate_ms = 1000 * (time.monotonic() - started)
        except EnvelopeError as exc:
            raise MalformedError("the envelope does not open") from exc
        finally:
            opened.overwrite()
        answer = seal_bytes(
            encode_answers(numbers),
            [_reply_key(request)],
            context=answer_context(bytes.fromhex(job.request_sha256)),
        )
        statement = ResultStatement(
            request_digest=bytes.fromhex(job.request_sha256),
            job_id=job.id,
            model_digest=request.model_digest,
            program_digest=bytes.fromhex(model.program_digest),
            # what stands for parameters and keys here: the keys that both ways are sealed to
            parameters_digest=self._key.digest,
            keys_digest=hashlib.sha256(request.reply_key).digest(),
            result_digest=hashlib.sha256(answer).digest(),
            service_time=int(time.time()),
            level=job.level,
        )
        return sign_result(statement, answer, self._signer.private_key), evaluate_ms


def max_sealed_bytes(interface: ModelInterface) -> int:
    """Length of the longest sealed request for a model."""
    plain = _plain_bytes(interface)
    fixed = HEADER_BYTES + MAX_REPLY_KEY_BYTES + MAX_HEADER_BYTES + 1024
    return fixed + plain + int(plain * _SEALED_OVERHEAD)


def _plain_bytes(interface: ModelInterface) -> int:
    return HEAD_BYTES + interface.records * interface.elements * INPUT_BYTES


def _reply_key(request: SealedRequest) -> HybridPublicKey:
    try:
        return HybridPublicKey(request.reply_key)
    except VaultKeyError as exc:
        raise MalformedError("the reply key is none of the default suite") from exc


class _Overwritten:
    """Memory that takes what is opened, and is overwritten afterwards.

    Args:
        size: Most bytes that go in.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._data = bytearray()
        self._length = 0

    def write(self, part: Any) -> int:
        """Takes a part.

        Raises:
            MalformedError: More than the model takes.
        """
        if not self._data:
            self._data = bytearray(self._size)
        end = self._length + len(part)
        if end > self._size:
            raise MalformedError(f"the envelope holds more than {self._size} bytes")
        self._data[self._length : end] = part
        self._length = end
        return len(part)

    def view(self) -> memoryview:
        """What was taken."""
        return memoryview(self._data)[: self._length]

    def overwrite(self) -> None:
        """Writes zeros over it."""
        self._data[:] = bytes(len(self._data))
