"""The calls of a service's API, typed; see docs/http-api.md.

**Security**: nothing that follows from a decryption goes through here. A call ends in its
answer or in one of four errors: the service refused (`RequestRejectedError`), failed
(`ServiceFailedError`), cannot be reached (`UnreachableError`) or answered what cannot be an
answer (`MisbehavingServiceError`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from safelight.client import answers, sealed_answers
from safelight.client.answers import JobState, KeysetState, ModelInfo, ServiceInfo, read_answer
from safelight.client.exchange import Exchange, parse_document
from safelight.client.sealed_answers import SealedModel
from safelight.client.waiting import ProgressCallback, Waiting, job_of
from safelight.errors import (
    InputError,
    MisbehavingServiceError,
    RequestRejectedError,
)
from safelight.wire.content_digest import content_digest, parse_content_digest
from safelight.wire.levels import Level

OCTETS = "application/octet-stream"

_SEGMENT = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,128}")


class Transport:
    """A service as its client sees it; one thread at a time.

    Args:
        url: Base address: ``https://…``, or ``http://`` on loopback.
        token: Bearer token.
        service_public_key: The 32 bytes of the Ed25519 key that the service must have, where
            it is known from before.
        verify: TLS verification as httpx takes it.
        insecure_http: Allows plain HTTP to another machine.
        headers: Further headers of every request, such as claims for access rules.
    """

    def __init__(
        self,
        url: str,
        token: str,
        service_public_key: bytes | None = None,
        *,
        verify: Any = True,
        insecure_http: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._exchange = Exchange(
            url, token, verify=verify, insecure_http=insecure_http, headers=headers
        )
        self._public_key = service_public_key
        self._waiting = Waiting(self._exchange, self.job)

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
        """Closes the connections."""
        self._exchange.close()

    def service_info(self) -> ServiceInfo:
        """The service's release, public key and limits.

        Raises:
            MisbehavingServiceError: It has another key than it must have.
        """
        info = read_answer(self._get("/v1/service"), answers.service_info)
        if self._public_key is not None and info.public_key != self._public_key:
            raise MisbehavingServiceError(
                "the service has another signing key than before",
                hint="ask its operator; results signed by it are not to be trusted",
            )
        return info

    def models(self) -> list[str]:
        """Names of the models."""
        return read_answer(self._get("/v1/models"), answers.model_names)

    def model(self, name: str) -> ModelInfo:
        """One model's parameters, requirements and signature."""
        info = read_answer(self._get(f"/v1/models/{_segment(name)}"), answers.model_info)
        if info.name != name:
            raise MisbehavingServiceError("the service described another model")
        return info

    def envelope_key(self) -> tuple[ServiceInfo, bytes, bytes]:
        """The service, its envelope key and the signature under it; not yet verified.

        Raises:
            InputError: The service has no envelope key.
        """
        info = self.service_info()
        public, signature = read_answer(self._get("/v1/service"), sealed_answers.envelope_key)
        return info, public, signature

    def sealed_model(self, name: str, level: Level = "envelope") -> SealedModel:
        """A model as it is asked in sealed requests.

        Raises:
            InputError: It is not served at that level.
        """
        model = read_answer(
            self._get(f"/v1/models/{_segment(name)}"),
            lambda document: sealed_answers.sealed_model(document, level),
        )
        if model.interface.model != name:
            raise MisbehavingServiceError("the service described another model")
        return model

    def submit_sealed(self, model: str, level: Level, request: bytes) -> JobState:
        """Hands in a sealed request; the same bytes again give the same job."""
        answer = self._exchange.send(
            "POST",
            "/v1/inferences",
            body=request,
            headers=_octet_headers(request),
            params={"model": model, "level": level},
        )
        return read_answer(parse_document(answer.body), answers.job_state)

    def create_keyset(self, parameters_digest: bytes) -> str:
        """Id of a new, empty key set for these parameters."""
        answer = self._exchange.send(
            "POST",
            "/v1/keysets",
            body=b'{"parameters_digest": "%s"}' % parameters_digest.hex().encode(),
            headers={"Content-Type": "application/json"},
            idempotent=False,  # a lost answer may have made one: better ask the person again
        )
        return read_answer(parse_document(answer.body), answers.keyset_id)

    def keyset_present(self, keyset_id: str, model: str | None = None) -> KeysetState:
        """The keys that the service has, and what ``model`` still needs: where to resume."""
        params = None if model is None else {"model": model}
        document = self._get(f"/v1/keysets/{_segment(keyset_id)}", params)
        return read_answer(document, answers.keyset_state)

    def put_key(self, keyset_id: str, element: int | str, key: bytes) -> None:
        """Uploads one key; the same one again changes nothing.

        Args:
            keyset_id: Where to.
            element: ``relinearization`` or the Galois element.
            key: The key as `safelight.wire.keys` encodes it.
        """
        answer = self._exchange.send(
            "PUT",
            f"/v1/keysets/{_segment(keyset_id)}/keys/{_segment(str(element))}",
            body=key,
            headers=_octet_headers(key),
        )
        document = parse_document(answer.body)
        digest = hashlib.sha256(key).hexdigest()
        if not isinstance(document, dict) or document.get("sha256") != digest:
            raise MisbehavingServiceError("the service stored another key than it was sent")

    def delete_keyset(self, keyset_id: str) -> None:
        """Makes the service forget a key set."""
        self._delete(f"/v1/keysets/{_segment(keyset_id)}", "unknown-keyset")

    def submit(
        self, model: str, keyset_id: str, request: bytes, idempotency_key: str | None = None
    ) -> JobState:
        """Hands in a request; the same bytes again give the same job."""
        headers = _octet_headers(request)
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        answer = self._exchange.send(
            "POST",
            "/v1/inferences",
            body=request,
            headers=headers,
            params={"model": model, "keyset": keyset_id},
        )
        return read_answer(parse_document(answer.body), answers.job_state)

    def job(self, job_id: str) -> JobState:
        """How an inference stands."""
        return job_of(self._get(f"/v1/inferences/{_segment(job_id)}"), job_id)

    def wait(
        self,
        job_id: str,
        progress: ProgressCallback | None = None,
        timeout_s: float | None = None,
    ) -> JobState:
        """Waits until an inference is done.

        Args:
            job_id: What to wait for.
            progress: Called with 0 to 1; may raise `CancelledError` to stop waiting.
            timeout_s: How long at most.

        Raises:
            ServiceFailedError: It failed; the message has the code.
            CancelledError: It was cancelled, or ``progress`` raised so.
            UnreachableError: It did not end within ``timeout_s``, or nobody has answered for a
                minute.
        """
        return self._waiting.wait(_segment(job_id), progress, timeout_s)

    def result(self, job_id: str, max_bytes: int) -> bytes:
        """The signed result message, whole as the service announced it; not yet verified.

        Args:
            job_id: A job that is done.
            max_bytes: Length of a right result; a longer one is not read.

        Raises:
            MisbehavingServiceError: Too long, or without or against its digest.
        """
        answer = self._exchange.send(
            "GET", f"/v1/inferences/{_segment(job_id)}/result", max_bytes=max_bytes
        )
        announced = parse_content_digest(answer.headers.get("content-digest", ""))
        if announced != hashlib.sha256(answer.body).digest():
            raise MisbehavingServiceError("the result does not have the digest announced for it")
        return answer.body

    def cancel(self, job_id: str) -> None:
        """Cancels an inference, or makes the service forget a finished one."""
        self._delete(f"/v1/inferences/{_segment(job_id)}", "unknown-inference")

    def _get(self, path: str, params: dict[str, str] | None = None) -> object:
        return parse_document(self._exchange.send("GET", path, params=params).body)

    def _delete(self, path: str, gone_code: str) -> None:
        try:
            self._exchange.send("DELETE", path)
        except RequestRejectedError as exc:
            if exc.code != gone_code:  # gone already: an earlier attempt did it
                raise


def _octet_headers(content: bytes) -> dict[str, str]:
    digest = hashlib.sha256(content).digest()
    return {"Content-Type": OCTETS, "Content-Digest": content_digest(digest)}


def _segment(name: str) -> str:
    # names and ids of ours; anything else could point elsewhere in the address
    if not _SEGMENT.fullmatch(name):
        raise InputError("a name of a model or id may have letters, digits, dots and dashes only")
    return name
