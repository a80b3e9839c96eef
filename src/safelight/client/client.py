"""The clinic's side: keys, encryption, a service's answer, decryption.

with safelight.Client(url, token) as client:
    for diagnosis in client.diagnose("cxr-pneumonia-28", ["chest.dcm"]):
        print(diagnosis.finding, diagnosis.probability)
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from safelight.circuit.signature import Signature
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.client.answers import JobState, ModelInfo
from safelight.client.diagnosis import Diagnosis, diagnoses
from safelight.client.heatmaps import heatmap_of
from safelight.client.inputs import load_inputs
from safelight.client.key_sets import KeyState, Watch, upload_missing_keys
from safelight.client.receipt import Receipt
from safelight.client.transport import Transport
from safelight.errors import (
    CancelledError,
    MisbehavingServiceError,
    ServiceError,
    WireError,
)
from safelight.imaging.heatmap import Heatmap
from safelight.wire.ciphertext import (
    ciphertext_message_length,
    decode_ciphertext,
    encode_ciphertext,
)
from safelight.wire.request import InferenceRequest, encode_request
from safelight.wire.result import max_result_length, open_result, signed_statement

NONCE_BYTES = 16
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """A model of a service, with its signature read and checked."""

    info: ModelInfo
    signature: Signature


@dataclass(frozen=True)
class Answer:
    """The answer to one ciphertext.

    **Security**: ``unrounded_probabilities`` and ``maps`` (class-activation maps
    ``[records, logits, height, width]``, where the model gives them) follow from exact decrypted
    floats; keep them in the clinic. `Diagnosis` and `Heatmap` have what may be shared.
    """

    unrounded_probabilities: FloatArray
    timings_ms: dict[str, float]
    bytes_up: int
    bytes_down: int
    receipt: Receipt
    maps: FloatArray | None = None


class Client:
    """A service as a clinic uses it.

    Args:
        url: Address of the service.
        token: Bearer token.
        service_key: The service's Ed25519 public key, where it is known; else the one it names
            at the first contact is used for this session.
        secret_keys: A stored key, for models of its parameters; others get a key that lives as
            long as this object.
        watch: Called with progress.
        verify: TLS verification as httpx takes it.
        insecure_http: Allows plain HTTP to another machine.
        headers: Claims for access rules: `Safelight-Purpose`, `Safelight-Consent`.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        service_key: bytes | None = None,
        secret_keys: SecretKeys | None = None,
        keyset_id: str | None = None,
        watch: Watch | None = None,
        verify: Any = True,
        insecure_http: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._transport = Transport(
            url, token, service_key, verify=verify, insecure_http=insecure_http, headers=headers
        )
        self._watch = watch
        self._service_key = service_key
        self._service_checked = False
        self._models: dict[str, Model] = {}
        self.keys: dict[Parameters, KeyState] = {}
        if secret_keys is not None:
            self.keys[secret_keys.parameters] = KeyState(secret_keys, keyset_id)

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
        """Closes the connection; keys made for this object are forgotten."""
        self._transport.close()

    @property
    def service_key(self) -> bytes:
        """The service's public key, asked for once."""
        self._check_service()
        assert self._service_key is not None
        return self._service_key

    def models(self) -> list[str]:
        """Names of the service's models."""
        return self._transport.models()

    def model(self, name: str) -> Model:
        """A model's signature, asked for once and checked.

        Raises:
            MisbehavingServiceError: The signature is not one, or contradicts the description.
        """
        if name not in self._models:
            info = self._transport.model(name)
            try:
                signature = Signature.from_json(info.signature)
            except WireError as exc:
                raise MisbehavingServiceError(exc.message) from exc
            same = signature.parameters == info.parameters and signature.model == info.name
            if not same or signature.input_level != info.input_level:
                raise MisbehavingServiceError("the model's signature contradicts its description")
            self._models[name] = Model(info, signature)
        return self._models[name]

    def diagnose(
        self,
        model: str,
        paths: Sequence[str | Path],
        *,
        centre: tuple[int, int] | None = None,
    ) -> Iterator[Diagnosis]:
        """Diagnoses for image files, or for every record of CSV or JSON files.

        All files are read before anything is sent, so that a bad one stops nothing half-way.

        Args:
            model: Name.
            paths: Files.
            centre: Row and column around which a model of crops looks at the one image.
        """
        for found, _ in self.diagnose_with_maps(model, paths, centre=centre):
            yield found

    def diagnose_with_maps(
        self,
        model: str,
        paths: Sequence[str | Path],
        *,
        centre: tuple[int, int] | None = None,
    ) -> Iterator[tuple[Diagnosis, Heatmap | None]]:
        """As `diagnose`, each with its coarse heatmap where the model gives maps."""
        signature = self.model(model).signature
        loaded = load_inputs(signature, paths, centre)
        sources, inputs = [source for source, _ in loaded], [values for _, values in loaded]
        for start in range(0, len(inputs), signature.records):
            stop = start + signature.records
            answer = self.infer(model, np.stack(inputs[start:stop]))
            found = diagnoses(
                signature,
                sources[start:stop],
                answer.unrounded_probabilities,
                answer.timings_ms,
                answer.receipt,
            )
            maps = [None] * len(found) if answer.maps is None else list(answer.maps)
            for diagnosis, own, row in zip(
                found, maps, answer.unrounded_probabilities, strict=True
            ):
                yield diagnosis, None if own is None else heatmap_of(signature, own, row)

    def ensure_keys(self, model: str) -> KeyState:
        """Makes and uploads the evaluation keys that a model still needs.

        Raises:
            MisbehavingServiceError: The service has another signing key than it must have; it
                then gets nothing.
        """
        info = self.model(model).info
        self._check_service()
        state = self.keys.get(info.parameters)
        if state is None:
            start = time.perf_counter()
            state = KeyState(SecretKeys.generate(info.parameters))
            state.keygen_ms += 1000 * (time.perf_counter() - start)
            self.keys[info.parameters] = state
        upload_missing_keys(self._transport, info, state, self._watch)
        return state

    def _check_service(self) -> None:
        """Before anything is sent: the service has the key that is known, or is asked for it."""
        if not self._service_checked:
            self._service_key = self._transport.service_info().public_key
            self._service_checked = True

    def infer(self, model: str, inputs: FloatArray) -> Answer:
        """One ciphertext's worth of preprocessed inputs, ``[records, *input_shape]``."""
        described = self.model(model)
        signature, info = described.signature, described.info
        state = self.ensure_keys(model)
        assert state.keyset_id is not None
        clock = _Phases()
        ciphertext = state.secret.encrypt(
            signature.pack(inputs), scale=signature.input_scale, level=signature.input_level
        )
        request = encode_request(
            InferenceRequest(
                model_digest=bytes.fromhex(info.model_digest),
                parameters_digest=info.parameters.digest,
                nonce=os.urandom(NONCE_BYTES),
                ciphertext=encode_ciphertext(ciphertext),
            )
        )
        clock.end("encrypt")
        job = self._transport.submit(model, state.keyset_id, request)
        clock.end("upload")
        job = self._waited(job.id)
        clock.end("wait")
        waited = clock.timings_ms["wait"]
        clock.timings_ms["evaluate"] = waited if job.evaluate_ms is None else job.evaluate_ms
        length = ciphertext_message_length(info.parameters, 0, seeded=False)
        message = self._transport.result(job.id, max_result_length(length))
        clock.end("download")
        with contextlib.suppress(ServiceError):
            # the service forgets the finished job at once; nothing that is decrypted decides this
            self._transport.cancel(job.id)
        clock.restart()
        try:
            statement, returned = open_result(
                message,
                Ed25519PublicKey.from_public_bytes(self.service_key),
                request_digest=hashlib.sha256(request).digest(),
                model_digest=bytes.fromhex(info.model_digest),
                parameters_digest=info.parameters.digest,
                keys_digest=state.digest_for(info),
            )
            result = decode_ciphertext(
                returned, info.parameters, level=0, scale=signature.output_scale
            )
        except WireError as exc:
            raise MisbehavingServiceError(
                f"the service's result is not valid: {exc.message}"
            ) from exc
        if statement.program_digest.hex() != info.program_digest:
            raise MisbehavingServiceError("the signed result is that of another program")
        slots = state.secret.decrypt(result)
        probabilities = signature.probabilities(signature.unpack(slots, len(inputs)))
        maps = signature.unpack_maps(slots, len(inputs))
        clock.end("decrypt")
        receipt = Receipt.of(signed_statement(message), self.service_key)
        return Answer(probabilities, clock.timings_ms, len(request), len(message), receipt, maps)

    def _waited(self, job_id: str) -> JobState:
        """The job once it is done; who stops waiting lets the service stop computing."""
        try:
            return self._transport.wait(job_id, lambda part: self._tell("evaluate", part, 1.0))
        except (KeyboardInterrupt, CancelledError):
            with contextlib.suppress(ServiceError):
                self._transport.cancel(job_id)
            raise

    def forget(self, parameters: Parameters) -> None:
        """Makes the service delete this client's evaluation keys for ``parameters``."""
        state = self.keys.get(parameters)
        if state is not None and state.keyset_id is not None:
            self._transport.delete_keyset(state.keyset_id)
            state.keyset_id = None
            state.complete_for.clear()

    def _tell(self, what: str, done: float, total: float) -> None:
        if self._watch is not None:
            self._watch(what, done, total)


class _Phases:
    """Splits wall time into named phases."""

    def __init__(self) -> None:
        self.timings_ms: dict[str, float] = {}
        self._start = time.perf_counter()

    def restart(self) -> None:
        """Leaves out what was done since the last phase: nobody waits for it."""
        self._start = time.perf_counter()

    def end(self, phase: str) -> None:
        self.timings_ms[phase] = 1000 * (time.perf_counter() - self._start)
        self._start = time.perf_counter()
