"""The one place where errors become HTTP answers: RFC 9457 problem details.

Every refusal has a status, a machine-readable ``code``, a ``title`` for the person and a
``hint``. The text is written here or by our own error classes, which carry counts, levels and
names of models only; anything unforeseen is told as ``internal`` without a word of its cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from safelight.errors import (
    DigestMismatchError,
    MissingKeyError,
    ParameterMismatchError,
    ResidueRangeError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedVersionError,
    WireError,
)
from safelight.service.full_disk import is_disk_full
from safelight.service.refusals import Refusal

PROBLEM_JSON = "application/problem+json"

# code → (status, title, hint)
CATALOGUE: dict[str, tuple[int, str, str]] = {
    "bad-request": (400, "the request is not what this route takes", "see /v1/openapi.json"),
    "digest-required": (
        400,
        "a Content-Digest header with sha-256 is required",
        "send Content-Digest: sha-256=:<base64>: (RFC 9530)",
    ),
    "digest-mismatch": (400, "the content does not have the digest announced", "send it again"),
    "truncated": (400, "the content is shorter than it must be", "send it again in full"),
    "unauthorized": (401, "a valid bearer token is required", "ask the operator for a token"),
    "access-denied": (
        403,
        "the access rules do not allow this",
        "ask the operator; name a purpose and the consent where the rules ask for them",
    ),
    "level-too-low": (
        403,
        "the model asks for a higher level of protection",
        "ask at minimum_level or above; only the operator can lower it",
    ),
    "not-found": (404, "there is nothing here", ""),
    "unknown-model": (404, "no model of that name is served", "list them at /v1/models"),
    "unknown-keyset": (404, "no key set of that id", "create one and upload its keys"),
    "unknown-inference": (404, "no inference of that id", "it may have expired: submit it again"),
    "method-not-allowed": (405, "this route does not take that method", "see /v1/openapi.json"),
    "body-timeout": (408, "the content came too slowly", "send it again"),
    "key-conflict": (
        409,
        "another key is stored for this element",
        "replace it by one of a higher level, or start a new key set",
    ),
    "keyset-in-use": (409, "inferences with this key set are queued", "cancel or await them"),
    "keys-missing": (409, "evaluation keys that the model needs are missing", "upload them"),
    "not-finished": (409, "the inference has no result yet", "wait for its events"),
    "not-available": (409, "the inference ended without a result", "submit it again"),
    "idempotency-conflict": (
        409,
        "this Idempotency-Key was used for another request",
        "use a fresh key for each request",
    ),
    "length-required": (411, "a Content-Length is required", ""),
    "too-large": (413, "the content is longer than it can be", "check the model and parameters"),
    "content-type": (415, "that content type is not taken here", "see /v1/openapi.json"),
    "malformed": (422, "the content is not a valid message", ""),
    "residue-range": (422, "a residue is at or above its modulus", ""),
    "unsupported-version": (422, "this format version is not read here", "update the client"),
    "parameter-mismatch": (
        422,
        "the content was made for other parameters",
        "use the parameters of the model",
    ),
    "model-mismatch": (
        422,
        "the request was made for another model or version",
        "read the model again and make a new request",
    ),
    "level-mismatch": (
        422,
        "the request names another level of protection than its address",
        "ask for the level at which the request was sealed",
    ),
    "transformation-mismatch": (
        422,
        "the image was obfuscated under another key, or in another way",
        "use the obfuscation key that the model was trained with",
    ),
    "envelope-key-mismatch": (
        422,
        "the request was sealed to another key of the service",
        "read the service's envelope key again and seal anew",
    ),
    "unknown-parameters": (
        422,
        "no served model has these parameters",
        "use the parameters of a model of /v1/models",
    ),
    "level-not-served": (
        422,
        "the model is not served at this level of protection",
        "ask at one of the levels that the model names",
    ),
    "element-not-needed": (422, "no served model uses a key of this element", ""),
    "rate-limited": (429, "too many requests", "wait as long as Retry-After says"),
    "quota-keysets": (429, "no more key sets for this client", "delete one that is not used"),
    "quota-key-bytes": (429, "no more key storage for this client", "delete a key set"),
    "quota-jobs": (429, "too many inferences at once for this client", "await or delete some"),
    "quota-streams": (429, "too many event streams for this client", "close one, or poll"),
    "internal": (500, "the service failed", "try again later; the operator's log has the request"),
    "audit-unavailable": (
        503,
        "the service cannot record what it does, and so does nothing",
        "try again later; the operator must see to the audit log",
    ),
    "shutting-down": (503, "the service is stopping", "try again shortly"),
    "storage-full": (
        507,
        "the service's disk is full",
        "tell its operator, then try again; what it has accepted it keeps",
    ),
}

# our own errors → code; subclasses before their bases
_CODES: tuple[tuple[type[Exception], str], ...] = (
    (TruncatedError, "truncated"),
    (TrailingBytesError, "too-large"),
    (DigestMismatchError, "digest-mismatch"),
    (ParameterMismatchError, "parameter-mismatch"),
    (ResidueRangeError, "residue-range"),
    (UnsupportedVersionError, "unsupported-version"),
    (WireError, "malformed"),
    (MissingKeyError, "keys-missing"),
)


@dataclass(frozen=True)
class Problem:
    """A refusal as HTTP says it."""

    code: str
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """HTTP status code."""
        return CATALOGUE[self.code][0]

    def response(self) -> JSONResponse:
        """The HTTP answer."""
        status, title, hint = CATALOGUE[self.code]
        content = {
            "type": f"urn:safelight:problem:{self.code}",
            "status": status,
            "code": self.code,
            "title": title,
            "hint": hint,
        }
        return JSONResponse(
            content | dict(self.members),
            status_code=status,
            headers=dict(self.headers),
            media_type=PROBLEM_JSON,
        )


def problem_of(exc: Exception) -> Problem:
    """The answer to any exception; the unforeseen gives ``internal`` and nothing of its text."""
    if isinstance(exc, Refusal):
        return Problem(exc.code, exc.members, _refusal_headers(exc))
    if isinstance(exc, HTTPException):  # Starlette's router raises 404 and 405 only
        headers = {name: value for name, value in (exc.headers or {}).items() if name == "Allow"}
        return Problem("method-not-allowed" if exc.status_code == 405 else "not-found", {}, headers)
    if is_disk_full(exc):
        return Problem("storage-full")
    return Problem(next((code for kind, code in _CODES if isinstance(exc, kind)), "internal"))


def _refusal_headers(refusal: Refusal) -> dict[str, str]:
    headers: dict[str, str] = {}
    if refusal.retry_after_s is not None:
        # whole seconds, at least one (RFC 9110, 10.2.3)
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_s)))
    if refusal.code == "unauthorized":
        headers["WWW-Authenticate"] = 'Bearer realm="safelight"'
    return headers
