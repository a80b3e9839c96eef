"""One HTTP request and its answer: retried where that is safe, read only as far as it may go."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx

from safelight.errors import (
    InputError,
    MalformedError,
    MisbehavingServiceError,
    RequestRejectedError,
    ServiceFailedError,
    UnreachableError,
)
from safelight.wire.canonical_json import parse_json

# A model's answer with its signature is the longest document: some 10 kB.
MAX_JSON_BYTES = 4 * 1024 * 1024

CONNECT_TIMEOUT_S = 5.0
# Without a byte for this long a connection counts as lost.
IDLE_TIMEOUT_S = 60.0
# No answer but an event stream takes longer, however steadily its bytes drip.
ANSWER_TIMEOUT_S = 600.0

ATTEMPTS = 5
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
# 503: stopping or overfull, 429: too fast; both say when to come again
_COME_AGAIN = (429, 503)

_STORAGE_FULL = 507  # Insufficient Storage (RFC 4918, 11.5)

_CODE = re.compile(r"[a-z0-9-]{1,40}")
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,200}")  # RFC 6750, 2.1
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Answer:
    """A whole answer of status 2xx."""

    status: int
    headers: httpx.Headers
    body: bytes


class Exchange:
    """Requests to one service with one token.

    Args:
        url: Base address, ``https://host[:port]``; plain HTTP on loopback only.
        token: Bearer token.
        verify: TLS verification as httpx takes it: True, or an SSL context.
        insecure_http: Allows plain HTTP elsewhere; the token is readable on the way.
        headers: Further headers of every request.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        verify: Any = True,
        insecure_http: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        parts = _address(url)
        if not _TOKEN.fullmatch(token):
            raise InputError(
                "the token is not one: it has characters that no token has, or too many",
                hint="give it as `safelight serve --add-client` printed it",
            )
        local = parts.hostname in _LOOPBACK
        if parts.scheme == "http" and not local and not insecure_http:
            raise InputError(
                "plain HTTP to another machine would show the token", hint="use https://"
            )
        self._host = f"{parts.scheme}://{parts.netloc}"
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={
                "Authorization": f"Bearer {token}",
                # nothing that we fetch is compressible, and a bomb cannot hide in identity
                "Accept-Encoding": "identity",
                "User-Agent": "safelight",
                **(headers or {}),
            },
            timeout=httpx.Timeout(IDLE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            verify=verify,
            follow_redirects=False,  # the token goes to this service only
            trust_env=not local,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        max_bytes: int = MAX_JSON_BYTES,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        idempotent: bool = True,
    ) -> Answer:
        """Sends a request and reads its answer.

        Args:
            method: HTTP method.
            path: Below the base address.
            max_bytes: Longest answer that is read.
            body: Content.
            headers: Further headers.
            params: Query.
            idempotent: Whether a lost answer may be asked for again.
        """
        pause_s = FIRST_PAUSE_S
        for attempt in range(1, ATTEMPTS + 1):
            last = attempt == ATTEMPTS
            try:
                with self.stream(method, path, body, headers, params) as response:
                    if response.status_code not in _COME_AGAIN or last:
                        return _read_answer(response, max_bytes)
                    asked_s = _retry_after_s(response)
                    if asked_s is None or asked_s > LONGEST_PAUSE_S:
                        return _read_answer(response, max_bytes)
                    pause_s = max(pause_s, asked_s)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                if "CERTIFICATE_VERIFY_FAILED" in str(exc):
                    raise UnreachableError(
                        "the service's TLS certificate is not trusted",
                        hint="give the certificate of its authority; do not switch checking off",
                    ) from exc
                if last:
                    raise self._unreachable() from exc
            except httpx.TransportError as exc:
                if last or not idempotent:
                    raise self._unreachable() from exc
            time.sleep(min(pause_s, LONGEST_PAUSE_S))
            pause_s *= 2
        raise self._unreachable()  # pragma: no cover - the last attempt has returned or raised

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer that is not read yet; httpx's connection errors pass."""
        begun = False
        try:
            with self._client.stream(
                method, path, content=body, headers=headers, params=params
            ) as response:
                begun = True
                yield response
        except httpx.RemoteProtocolError as exc:
            # a connection that closes is lost, before or within an answer: worth another attempt
            if begun or "disconnected" in str(exc):
                raise
            raise MisbehavingServiceError("the service does not speak HTTP") from exc

    def _unreachable(self) -> UnreachableError:
        return UnreachableError(
            f"no service answers at {self._host}", hint="is it running, and is the address right?"
        )


def _address(url: str) -> SplitResult:
    """The parts of a service's address: scheme, host, perhaps port and path, nothing else."""
    refused = InputError(
        "the service's address is not an http(s) URL", hint="as in https://host:8440"
    )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise refused from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise refused
    if "@" in parts.netloc or parts.query or parts.fragment or not url.isprintable():
        raise refused
    return parts


def parse_document(body: bytes) -> object:
    """A JSON document, read strictly.

    Raises:
        MisbehavingServiceError: It is none.
    """
    try:
        document: object = parse_json(body, MAX_JSON_BYTES)
    except MalformedError as exc:
        raise MisbehavingServiceError("the service's answer is not JSON") from exc
    return document


def raise_for_status(status: int, body: bytes) -> None:
    """Turns any status but 2xx into our error.

    Raises:
        RequestRejectedError: 4xx.
        ServiceFailedError: 5xx.
        MisbehavingServiceError: Anything else.
    """
    if 200 <= status < 300:
        return
    if status == _STORAGE_FULL:
        raise ServiceFailedError(
            "the service's disk is full (status 507)",
            hint="tell its operator, then try again; what it has accepted it keeps",
        )
    if status >= 500:
        raise ServiceFailedError(
            f"the service failed (status {status})", hint="try again later, or tell its operator"
        )
    if status < 400:
        raise MisbehavingServiceError(f"the service answered with status {status}")
    problem = parse_document(body) if body.startswith(b"{") else {}
    members = problem if isinstance(problem, dict) else {}
    code = members.get("code")
    raise RequestRejectedError(
        _printable(members.get("title")) or f"the service refused the request ({status})",
        status=status,
        code=code if isinstance(code, str) and _CODE.fullmatch(code) else "unknown",
        hint=_printable(members.get("hint")),
    )


def _read_answer(response: httpx.Response, max_bytes: int) -> Answer:
    ok = 200 <= response.status_code < 300
    limit = max_bytes if ok else MAX_JSON_BYTES
    if response.headers.get("content-encoding", "identity") != "identity":
        raise MisbehavingServiceError("the service compressed an answer unasked")
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    parts: list[bytes] = []
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > limit:
            raise MisbehavingServiceError(f"the service's answer is longer than {limit} bytes")
        if time.monotonic() > deadline:
            raise UnreachableError("the service's answer did not end in time")
        parts.append(chunk)
    body = b"".join(parts)
    raise_for_status(response.status_code, body)
    return Answer(response.status_code, response.headers, body)


def _retry_after_s(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _printable(text: object) -> str:
    # a service's words go to a terminal: no control characters, and not without end
    if not isinstance(text, str):
        return ""
    return "".join(character for character in text[:200] if character.isprintable())
