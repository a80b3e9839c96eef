"""The clinic's side at the level `envelope`: inputs sealed to the service, answers sealed back.

The service sees the image while it computes. That is what the level says, and why this is a
class of its own: nothing turns a `safelight.client.client.Client` into it.

**Security**: the key that the answer is sealed to is made for one request and forgotten with it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from safelight.client.answers import JobState
from safelight.client.diagnosis import Diagnosis, diagnoses
from safelight.client.inputs import load_inputs
from safelight.client.receipt import Receipt
from safelight.client.sealed_answers import SealedModel
from safelight.client.transport import Transport
from safelight.errors import (
    CancelledError,
    EnvelopeError,
    MisbehavingServiceError,
    ServiceError,
    VaultKeyError,
    WireError,
)
from safelight.vault.envelope.header import MAX_HEADER_BYTES
from safelight.vault.envelope.hybrid_key import HybridPrivateKey, HybridPublicKey
from safelight.vault.envelope.opening import open_bytes
from safelight.vault.envelope.sealing import seal_bytes
from safelight.wire.envelope_key import check_envelope_key
from safelight.wire.levels import Level
from safelight.wire.plain_tensor import ANSWER_BYTES, HEAD_BYTES, decode_answers, encode_inputs
from safelight.wire.request import NONCE_BYTES
from safelight.wire.result import max_result_length, open_result, signed_statement
from safelight.wire.sealed_request import SealedRequest, answer_context, encode_sealed_request
from safelight.wire.transformation import Transformation

LEVEL: Final[Level] = "envelope"
_TAGS_BYTES = 64 * 1024
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class SealedAnswer:
    """The answer to one sealed request: probabilities ``[records, classes]``."""

    unrounded_probabilities: FloatArray
    timings_ms: dict[str, float]
    bytes_up: int
    bytes_down: int
    receipt: Receipt


class SealedClient:
    """A service as a clinic uses it at the level `envelope`.

    Args:
        url: Address of the service.
        token: Bearer token.
        service_key: The service's Ed25519 public key, where it is known; else the one it names
            at the first contact. Whoever has another key in its place reads the images.
        headers: Claims for access rules.
        verify: TLS verification as httpx takes it.
        insecure_http: Allows plain HTTP to another machine.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        service_key: bytes | None = None,
        headers: dict[str, str] | None = None,
        verify: Any = True,
        insecure_http: bool = False,
    ) -> None:
        self._transport = Transport(
            url, token, service_key, verify=verify, insecure_http=insecure_http, headers=headers
        )
        self._service_key = service_key
        self._envelope_key: HybridPublicKey | None = None
        self._models: dict[str, SealedModel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._transport.close()

    @property
    def level(self) -> Level:
        """The level of protection of all it asks, and of all answers it takes."""
        return LEVEL

    @property
    def service_key(self) -> bytes:
        """The service's public key."""
        self.envelope_key()
        assert self._service_key is not None
        return self._service_key

    def envelope_key(self) -> HybridPublicKey:
        """The service's envelope key, asked for once.

        Raises:
            MisbehavingServiceError: It is not signed by the service's key.
            InputError: The service takes no envelopes.
        """
        if self._envelope_key is None:
            info, public, signature = self._transport.envelope_key()
            check_envelope_key(public, signature, info.public_key)
            try:
                self._envelope_key = HybridPublicKey(public)
            except VaultKeyError as exc:
                raise MisbehavingServiceError("the service's envelope key is none") from exc
            self._service_key = info.public_key
        return self._envelope_key

    def model(self, name: str) -> SealedModel:
        """What must be known of a model, asked for once and checked.

        Raises:
            InputError: It is not served at this level.
        """
        if name not in self._models:
            self._models[name] = self._transport.sealed_model(name, self.level)
        return self._models[name]

    def diagnose(
        self,
        model: str,
        paths: Sequence[str | Path],
        *,
        centre: tuple[int, int] | None = None,
    ) -> Iterator[Diagnosis]:
        """Diagnoses for image files, or for every record of CSV or JSON files.

        Args:
            model: Name.
            paths: Files.
            centre: Row and column around which a model of crops looks at the one image.
        """
        interface = self.model(model).interface
        loaded = load_inputs(interface, paths, centre)
        sources, inputs = [source for source, _ in loaded], [values for _, values in loaded]
        for start in range(0, len(inputs), interface.records):
            stop = start + interface.records
            answer = self.infer(model, np.stack(inputs[start:stop]))
            yield from diagnoses(
                interface,
                sources[start:stop],
                answer.unrounded_probabilities,
                answer.timings_ms,
                answer.receipt,
                level=self.level,
            )

    def infer(self, model: str, inputs: FloatArray) -> SealedAnswer:
        """One request's worth of preprocessed inputs, ``[records, *input_shape]``."""
        described, service_key = self.model(model), self.envelope_key()
        interface = described.interface
        interface.check(inputs)
        inputs, transformation = self._as_sent(described, inputs)
        timings: dict[str, float] = {}
        start = time.perf_counter()

        def phase(name: str) -> None:
            nonlocal start
            now = time.perf_counter()
            timings[name], start = 1000 * (now - start), now

        reply = HybridPrivateKey.generate()
        key_digest = hashlib.sha256(service_key.to_bytes()).digest()
        unsealed = SealedRequest(
            level=self.level,
            model_digest=bytes.fromhex(described.model_digest),
            service_key_digest=key_digest,
            nonce=os.urandom(NONCE_BYTES),
            reply_key=reply.public_key.to_bytes(),
            envelope=b"",
            transformation=transformation,
        )
        plain = encode_inputs(inputs)
        sealed = seal_bytes(plain, [service_key], context=unsealed.context())
        plain[:] = bytes(len(plain))
        request = encode_sealed_request(unsealed.with_envelope(sealed))
        digest = hashlib.sha256(request).digest()
        phase("seal")
        job = self._transport.submit_sealed(model, self.level, request)
        phase("upload")
        job = self._waited(job.id)
        phase("wait")
        timings["evaluate"] = timings["wait"] if job.evaluate_ms is None else job.evaluate_ms
        size = HEAD_BYTES + len(inputs) * interface.outputs.numbers * ANSWER_BYTES
        longest = max_result_length(size + MAX_HEADER_BYTES + _TAGS_BYTES)
        message = self._transport.result(job.id, longest)
        phase("download")
        with contextlib.suppress(ServiceError):
            self._transport.cancel(job.id)
        start = time.perf_counter()
        try:
            statement, envelope = open_result(
                message,
                Ed25519PublicKey.from_public_bytes(self.service_key),
                request_digest=digest,
                model_digest=unsealed.model_digest,
                parameters_digest=key_digest,
                keys_digest=hashlib.sha256(unsealed.reply_key).digest(),
                level=self.level,
            )
            opened = open_bytes(envelope, [reply], context=answer_context(digest))
            numbers = decode_answers(opened, interface.outputs.numbers, len(inputs))
        except (WireError, EnvelopeError) as exc:
            raise MisbehavingServiceError(
                f"the service's result is not valid: {exc.message}"
            ) from exc
        if statement.program_digest.hex() != described.program_digest:
            raise MisbehavingServiceError("the signed result is that of another program")
        probabilities = interface.probabilities(numbers)
        phase("open")
        receipt = Receipt.of(signed_statement(message), self.service_key)
        return SealedAnswer(probabilities, timings, len(request), len(message), receipt)

    def _as_sent(
        self, described: SealedModel, inputs: FloatArray
    ) -> tuple[FloatArray, Transformation | None]:
        """What goes into the envelope, and the transformation that made it so."""
        return inputs, None

    def _waited(self, job_id: str) -> JobState:
        try:
            return self._transport.wait(job_id)
        except (KeyboardInterrupt, CancelledError):
            with contextlib.suppress(ServiceError):
                self._transport.cancel(job_id)
            raise
