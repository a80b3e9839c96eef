"""The protocol's edges: slow and silent peers, oversized heads, the OpenAPI document, metrics."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.requests import Request
from starlette.routing import Route

from safelight.errors import InputError
from safelight.service import bodies
from safelight.service.app import ROUTES
from safelight.service.head_timeout import HeadTimeoutProtocol
from safelight.service.limits import HEAD_TIMEOUT_S
from safelight.service.openapi import OPENAPI
from safelight.service.problems import CATALOGUE
from safelight.service.refusals import Refusal
from safelight.service.settings import Settings
from safelight.wire.content_digest import content_digest, parse_content_digest
from service_fake import GALOIS
from service_harness import (
    Caller,
    ServiceProcess,
    finished,
    key_message,
    octets,
    request_message,
    running_service,
)


def connect(service: ServiceProcess) -> socket.socket:
    url = httpx.URL(service.url)
    return socket.create_connection((url.host, url.port), timeout=HEAD_TIMEOUT_S + 10)


def answer_of(service: ServiceProcess, request: bytes) -> bytes:
    with connect(service) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"NONSENSE\r\n\r\n",
        b"GET /v1/models HTTP/9.9\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\n\r\n",  # without Host
        b"GET /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
    ],
)
def test_what_is_not_http_is_refused(service: ServiceProcess, request_bytes: bytes) -> None:
    try:
        answer = answer_of(service, request_bytes)
    except ConnectionError:  # closed while we were still talking
        return
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")) or answer == b""


def test_half_a_head_is_given_up(tmp_path: Path) -> None:
    assert HeadTimeoutProtocol.head_timeout_s == HEAD_TIMEOUT_S
    with running_service(tmp_path, FAKE_HEAD_TIMEOUT_S="0.5") as service:
        with connect(service) as silent, connect(service) as half, connect(service) as kept:
            half.sendall(b"GET /v1/health HTTP/1.1\r\nHost:")
            kept.sendall(b"GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = b""
            while not answer.endswith(b'{"status":"ok"}'):
                answer += kept.recv(1000)
            kept.sendall(b"GET /v1/he")
            for connection in (silent, half, kept):
                connection.settimeout(5)
                assert connection.recv(100) == b""
        # a connection that is used in time is kept
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            for _ in range(4):
                assert client.get("/v1/health").status_code == 200
                time.sleep(0.25)


def test_a_refused_upload_reads_its_answer(service: ServiceProcess, caller: Caller) -> None:
    """The body is far larger than the buffers between; the answer comes through all the same."""
    body = bytes(900_000)
    with httpx.Client(base_url=service.url, trust_env=False) as client:
        answer = client.put("/v1/keysets/x/keys/3", content=body, headers=octets(body))
    assert answer.status_code == 401
    foreign = caller.put("/v1/keysets/x/keys/3", body)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unknown-keyset")


def test_an_interrupted_upload_leaves_nothing(service: ServiceProcess, caller: Caller) -> None:
    keyset, body = caller.keyset(), key_message(GALOIS[0])
    head = (
        f"PUT /v1/keysets/{keyset}/keys/{GALOIS[0]} HTTP/1.1\r\nHost: a\r\n"
        f"Authorization: Bearer {caller.token}\r\nContent-Length: {len(body)}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in octets(body).items())
        + "\r\n"
    )
    with connect(service) as connection:
        connection.sendall(head.encode() + body[: len(body) // 2])
        time.sleep(0.2)
    deadline = time.monotonic() + 5
    while list((service.data / "incoming").iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert caller.ask("GET", f"/v1/keysets/{keyset}").json()["present"] == {}
    caller.ask("DELETE", f"/v1/keysets/{keyset}")


def test_openapi_has_exactly_the_routes() -> None:
    served = {
        (route.path, method.lower())
        for route in ROUTES
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {
        (path, method)
        for path, item in OPENAPI["paths"].items()
        for method in item
        if method != "parameters"
    }
    assert described == served
    for path, item in OPENAPI["paths"].items():
        named = {
            resolved(parameter)["name"]
            for parameter in item.get("parameters", [])
            if resolved(parameter)["in"] == "path"
        }
        assert named == set(re.findall(r"{(\w+)}", path))


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = OPENAPI
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found  # type: ignore[no-any-return]


def check(schema: str, document: object) -> None:
    jsonschema.validate(
        document, {"$ref": f"#/components/schemas/{schema}", "components": OPENAPI["components"]}
    )


def test_answers_are_as_described(caller: Caller, keyset: str) -> None:
    check("Health", caller.ask("GET", "/v1/health").json())
    check("Service", caller.ask("GET", "/v1/service").json())
    check("Models", caller.ask("GET", "/v1/models").json())
    check("Model", caller.ask("GET", "/v1/models/tiny").json())
    check("Keysets", caller.ask("GET", "/v1/keysets").json())
    check("Keyset", caller.ask("GET", f"/v1/keysets/{keyset}?model=tiny").json())
    check("Problem", caller.ask("GET", "/v1/models/none").json())
    post = caller.post(f"/v1/inferences?model=tiny&keyset={keyset}", request_message())
    check("Inference", post.json())
    check("Inference", finished(caller, post.json()["id"]))
    document = caller.ask("GET", "/v1/openapi.json").json()
    assert document["paths"] == json.loads(json.dumps(OPENAPI["paths"]))
    assert document["openapi"].startswith("3.1")


def test_every_refusal_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "http-api.md").read_text()
    for code, (status, title, _) in CATALOGUE.items():
        assert f"| {status} | `{code}` | {title} |" in page


def test_metrics_count(caller: Caller, keyset: str) -> None:
    path = f"/v1/inferences?model=free&keyset={keyset}"
    finished(caller, caller.post(path, request_message("free")).json()["id"])
    text = caller.ask("GET", "/v1/metrics").text
    assert re.search(r'safelight_jobs_total{model="free",outcome="done"} [1-9]', text)
    assert re.search(r"safelight_stored_key_bytes [1-9]", text)
    assert 'route="/v1/inferences"' in text


def test_metrics_need_a_token_beyond_loopback(tmp_path: Path) -> None:
    # 0.0.0.0 is not loopback: plain HTTP must be asked for by its name
    service = ServiceProcess(tmp_path / "data", {"SAFELIGHT_METRICS_TOKEN": "metrics-token-1234"})
    service.script += ["--host", "0.0.0.0", "--insecure-http"]
    service.start()
    try:
        service.url = service.url.replace("0.0.0.0", "127.0.0.1")
        with httpx.Client(base_url=service.url, trust_env=False) as client:
            assert client.get("/v1/metrics").status_code == 401
            headers = {"Authorization": "Bearer metrics-token-1234"}
            assert client.get("/v1/metrics", headers=headers).status_code == 200
            # it opens nothing else
            assert client.get("/v1/models", headers=headers).status_code == 401
    finally:
        service.kill()


def test_plain_http_beyond_loopback_is_refused(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "192.0.2.1", "service.example"):
        with pytest.raises(InputError, match="plain HTTP"):
            Settings(data=tmp_path, host=host)
    assert Settings(data=tmp_path, host="::1").on_loopback


def test_content_digest_header() -> None:
    digest = bytes(range(32))
    assert parse_content_digest(content_digest(digest)) == digest
    assert parse_content_digest(f"md5=:AAAA:, {content_digest(digest)}") == digest
    for wrong in ("", "sha-256", "sha-256=:AAAA:", content_digest(digest)[:-1], "x" + "y" * 99):
        assert parse_content_digest(wrong) is None


@pytest.mark.parametrize(("pauses_s", "size"), [([0.0, 9.0], 10), ([0.05] * 40, 10)])
def test_a_body_that_comes_too_slowly(
    monkeypatch: pytest.MonkeyPatch, pauses_s: list[float], size: int
) -> None:
    """A silent sender, and one that drips a byte whenever the silence is about to be noticed."""
    monkeypatch.setattr(bodies, "BODY_IDLE_TIMEOUT_S", 0.2)
    rest = iter(pauses_s)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(next(rest))
        return {"type": "http.request", "body": b"x", "more_body": True}

    async def read() -> None:
        request = Request({"type": "http", "headers": []}, receive)
        async for _ in bodies.limited_chunks(request, max_bytes=size):
            pass

    # in a thread: Playwright keeps a loop running in the thread of the browser's tests
    with ThreadPoolExecutor(1) as pool, pytest.raises(Refusal) as refused:
        pool.submit(lambda: asyncio.run(read())).result()
    assert refused.value.code == "body-timeout"
