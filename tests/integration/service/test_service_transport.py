"""The client's HTTP half: against a real service, and against servers that misbehave."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safelight.client import exchange
from safelight.client.event_stream import Event, read_events
from safelight.client.transport import Transport
from safelight.errors import (
    CancelledError,
    InputError,
    MisbehavingServiceError,
    RequestRejectedError,
    ServiceFailedError,
    UnreachableError,
)
from safelight.wire.ciphertext import ciphertext_message_length, decode_ciphertext
from safelight.wire.content_digest import content_digest
from safelight.wire.keys import keyset_digest
from safelight.wire.result import max_result_length, open_result
from service_fake import GALOIS, PARAMETERS, SCALE
from service_harness import (
    Caller,
    ServiceProcess,
    key_message,
    request_message,
    running_service,
)

RESULT_BYTES = max_result_length(ciphertext_message_length(PARAMETERS, 0))


def test_the_whole_way(caller: Caller, service: ServiceProcess) -> None:
    with caller.transport() as transport:
        assert transport.service_info().public_key == service.public_key
        assert "tiny" in transport.models()
        model = transport.model("tiny")
        assert (model.parameters, model.input_scale) == (PARAMETERS, SCALE)
        keyset = transport.create_keyset(PARAMETERS.digest)
        keys = {
            element: key_message(element, level=level)
            for element, level in [(0, 1), *model.requirements.galois_levels.items()]
        }
        transport.put_key(keyset, GALOIS[0], keys[GALOIS[0]])
        # resuming: only what is not there is sent
        missing = transport.keyset_present(keyset, "tiny").missing
        assert set(missing) == {"relinearization", str(GALOIS[1])}
        transport.put_key(keyset, "relinearization", keys[0])
        transport.put_key(keyset, GALOIS[1], keys[GALOIS[1]])
        assert transport.keyset_present(keyset, "tiny").missing == {}

        request = request_message()
        seen: list[float] = []
        job = transport.wait(transport.submit("tiny", keyset, request).id, seen.append)
        assert job.status == "done"
        assert job.evaluate_ms is not None
        statement, ciphertext = open_result(
            transport.result(job.id, RESULT_BYTES),
            Ed25519PublicKey.from_public_bytes(service.public_key),
            request_digest=hashlib.sha256(request).digest(),
            model_digest=bytes.fromhex(model.model_digest),
            parameters_digest=PARAMETERS.digest,
            keys_digest=keyset_digest(
                PARAMETERS.digest,
                {element: hashlib.sha256(key).digest() for element, key in keys.items()},
            ),
        )
        assert statement.job_id == job.id
        assert statement.program_digest.hex() == model.program_digest
        result = decode_ciphertext(ciphertext, PARAMETERS, level=0, scale=SCALE)
        assert result.level == 0

        transport.cancel(job.id)
        transport.cancel(job.id)  # forgotten already: nothing to do
        transport.delete_keyset(keyset)
        with pytest.raises(RequestRejectedError) as gone:
            transport.job(job.id)
        assert (gone.value.status, gone.value.code) == (404, "unknown-inference")


def test_refusals_have_their_code(caller: Caller, service: ServiceProcess) -> None:
    with caller.transport() as transport:
        keyset = transport.create_keyset(PARAMETERS.digest)
        with pytest.raises(RequestRejectedError) as refused:
            transport.submit("tiny", keyset, request_message())
        assert (refused.value.status, refused.value.code) == (409, "keys-missing")
        with pytest.raises(RequestRejectedError) as refused:
            transport.put_key(keyset, GALOIS[0], b"not a key")
        assert refused.value.code == "truncated"
        with pytest.raises(RequestRejectedError) as refused:
            transport.model("none")
        assert refused.value.code == "unknown-model"
        for name in ("", "..", "a/b", "a b", "ä", "x?y=1", "a#b"):
            with pytest.raises(InputError):
                transport.model(name)
        transport.delete_keyset(keyset)
    with (
        Transport(service.url, "a-token-of-nobody-at-all") as transport,
        pytest.raises(RequestRejectedError) as refused,
    ):
        transport.models()
    assert (refused.value.status, refused.value.code) == (401, "unauthorized")
    with (
        Transport(service.url, caller.token, bytes(32)) as transport,
        pytest.raises(MisbehavingServiceError, match="another signing key"),
    ):
        transport.service_info()


def test_a_failed_job(caller: Caller, keyset: str) -> None:
    with caller.transport() as transport:
        job = transport.submit("broken", keyset, request_message("broken"))
        with pytest.raises(ServiceFailedError, match="evaluation-failed"):
            transport.wait(job.id)


def test_progress_cancels(tmp_path: Path) -> None:
    def stop(part: float) -> None:
        if part > 0:
            raise CancelledError("enough")

    with (
        running_service(tmp_path, FAKE_STEPS="1000", FAKE_STEP_S="0.02") as service,
        service.client("clinic").transport() as transport,
    ):
        keyset = transport.create_keyset(PARAMETERS.digest)
        job = transport.submit("free", keyset, request_message("free"))
        with pytest.raises(CancelledError, match="enough"):
            transport.wait(job.id, stop)
        transport.cancel(job.id)
        with pytest.raises(CancelledError):
            transport.wait(job.id)
        slow = transport.submit("free", keyset, request_message("free"))
        with pytest.raises(UnreachableError, match="in time"):
            transport.wait(slow.id, timeout_s=0.3)


def test_a_restart_while_waiting(tmp_path: Path) -> None:
    """The stream breaks off; the client asks again until the service is back on its port."""
    with (
        running_service(tmp_path, FAKE_STEPS="40", FAKE_STEP_S="0.05") as service,
        service.client("clinic").transport() as transport,
    ):
        keyset = transport.create_keyset(PARAMETERS.digest)
        job = transport.submit("free", keyset, request_message("free"))

        def restart() -> None:
            service.kill()
            service.environment = {}
            service.port = int(service.url.rsplit(":", 1)[1])
            service.start()

        timer = threading.Timer(0.3, restart)
        timer.start()
        assert transport.wait(job.id).status == "done"
        timer.join()


Answerer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def server(answer: Answerer) -> Iterator[Transport]:
    """A server that does whatever ``answer`` does."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, args=(0.01,))
        thread.start()
        try:
            with Transport(f"http://127.0.0.1:{httpd.server_port}", "token") as transport:
                yield transport
        finally:
            httpd.shutdown()
            thread.join()


def sends(status: int, body: bytes, **headers: str) -> Answerer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        sent = {"Content-Length": str(len(body))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        for name, value in sent.items():
            handler.send_header(name, value)
        handler.end_headers()
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body)

    return answer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between attempts."""
    monkeypatch.setattr(exchange, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(exchange, "LONGEST_PAUSE_S", 0.001)


NONSENSE = [
    b"",
    b"<html>",
    b"[]",
    b"null",
    b"{}",
    b'{"models": 3}',
    b'{"models": [{"name": 3}]}',
    b'{"models": [{"name": "a\\u001b[31m"}]}',
    b'{"models": NaN}',
    b'{"models": [], "models": []}',
    b"[" * 100_000,
    b"\xff\xfe",
]


@pytest.mark.parametrize("body", NONSENSE)
def test_nonsense_json(body: bytes) -> None:
    with (
        server(sends(200, body)) as transport,
        pytest.raises(MisbehavingServiceError),
    ):
        transport.models()


def test_too_long_an_answer() -> None:
    with (
        server(sends(200, bytes(exchange.MAX_JSON_BYTES + 1))) as transport,
        pytest.raises(MisbehavingServiceError, match="longer than"),
    ):
        transport.models()
    with (
        server(sends(200, bytes(5000))) as transport,
        pytest.raises(MisbehavingServiceError, match="longer than 4999"),
    ):
        transport.result("job", 4999)


def test_result_without_or_against_its_digest() -> None:
    other = content_digest(hashlib.sha256(b"other").digest())
    for headers in ({}, {"Content_Digest": other}, {"Content_Digest": "sha-256=:x:"}):
        with (
            server(sends(200, b"result", **headers)) as transport,
            pytest.raises(MisbehavingServiceError, match="digest"),
        ):
            transport.result("job", 1000)


@pytest.mark.parametrize("status", [301, 302, 307, 304])
def test_redirects_are_not_followed(status: int) -> None:
    with (
        server(sends(status, b"", Location="http://127.0.0.1:1/")) as transport,
        pytest.raises(MisbehavingServiceError),
    ):
        transport.models()


def test_compressed_answers_are_refused() -> None:
    with (
        server(sends(200, b"\x1f\x8b" + bytes(50), Content_Encoding="gzip")) as transport,
        pytest.raises(MisbehavingServiceError, match="compressed"),
    ):
        transport.models()


@pytest.mark.usefixtures("impatient")
def test_not_http_and_closed_connections() -> None:
    def garbage(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
        handler.close_connection = True

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    with server(garbage) as transport, pytest.raises(MisbehavingServiceError):
        transport.models()
    with server(hang_up) as transport, pytest.raises(UnreachableError):
        transport.models()


@pytest.mark.usefixtures("impatient")
def test_an_answer_cut_short() -> None:
    short = sends(200, b'{"models": []', Content_Length="50", Connection="close")

    def cut(handler: BaseHTTPRequestHandler) -> None:
        short(handler)
        handler.close_connection = True

    with server(cut) as transport, pytest.raises((UnreachableError, MisbehavingServiceError)):
        transport.models()


@pytest.mark.usefixtures("impatient")
def test_nobody_there() -> None:
    with (
        Transport("http://127.0.0.1:9", "token") as transport,
        pytest.raises(UnreachableError),
    ):
        transport.models()


@pytest.mark.usefixtures("impatient")
def test_retries_until_it_works() -> None:
    calls: list[str] = []

    def flaky(handler: BaseHTTPRequestHandler) -> None:
        calls.append(handler.path)
        if len(calls) == 1:
            handler.close_connection = True
        elif len(calls) == 2:
            sends(503, b"", Retry_After="0")(handler)
        else:
            sends(200, b'{"models": []}')(handler)

    with server(flaky) as transport:
        assert transport.models() == []
    assert len(calls) == 3


@pytest.mark.usefixtures("impatient")
def test_what_is_not_idempotent_is_sent_once() -> None:
    calls: list[str] = []

    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        calls.append(handler.path)
        handler.close_connection = True

    with server(hang_up) as transport, pytest.raises(UnreachableError):
        transport.create_keyset(bytes(32))
    assert len(calls) == 1


def test_a_service_error_is_told_without_its_text() -> None:
    with (
        server(sends(500, b"Traceback: secret")) as transport,
        pytest.raises(ServiceFailedError) as failed,
    ):
        transport.models()
    assert "secret" not in failed.value.message


def test_a_refusal_cannot_write_to_the_terminal() -> None:
    body = json.dumps({"code": "\x1b[2J", "title": "no\x1b[2J", "hint": "x" * 9999}).encode()
    with (
        server(sends(400, body)) as transport,
        pytest.raises(RequestRejectedError) as refused,
    ):
        transport.models()
    assert refused.value.code == "unknown"
    assert refused.value.message == "no[2J"
    assert len(refused.value.hint) == 200


def model_document(**changes: object) -> bytes:
    document: dict[str, object] = {
        "name": "m",
        "version": "1",
        "model_digest": "11" * 32,
        "program_digest": "22" * 32,
        "signature": {},
        "parameters": {
            "n": 4096,
            "primes": list(PARAMETERS.primes),
            "digest": PARAMETERS.digest.hex(),
        },
        "input": {"level": 1, "scale": SCALE},
        "key_requirements": {"relinearization_level": None, "galois_levels": {"3": 1}},
    }
    return json.dumps(document | changes).encode()


WEAK = {"n": 4096, "primes": [PARAMETERS.primes[0]] * 9, "digest": "00" * 32}

LIES = [
    {"name": "another"},
    {"model_digest": "11"},
    {"signature": []},
    {"parameters": WEAK},
    {"parameters": {"n": 1024, "primes": [], "digest": ""}},
    {"input": {"level": 9, "scale": SCALE}},
    {"input": {"level": 1, "scale": -1}},
    {"input": {"level": 1, "scale": 1e999}},
    {"key_requirements": {"relinearization_level": 7, "galois_levels": {}}},
    {"key_requirements": {"relinearization_level": None, "galois_levels": {"4": 1}}},
    {"key_requirements": {"relinearization_level": None, "galois_levels": {"x": 1}}},
    {
        "key_requirements": {
            "relinearization_level": None,
            "galois_levels": {str(2 * i + 3): 1 for i in range(4000)},
        }
    },
]


@pytest.mark.parametrize("lie", LIES)
def test_a_model_that_cannot_be(lie: dict[str, object]) -> None:
    with (
        server(sends(200, model_document(**lie))) as transport,
        pytest.raises(MisbehavingServiceError),
    ):
        transport.model("m")


def test_a_model_that_can_be() -> None:
    with server(sends(200, model_document())) as transport:
        assert transport.model("m").parameters == PARAMETERS


def test_events_of_another_job() -> None:
    job = {
        "id": "other",
        "status": "done",
        "code": None,
        "progress": 1.0,
        "timings_ms": {"queued": 1, "evaluate": 1},
    }
    body = f"event: done\ndata: {json.dumps(job)}\n\n".encode()
    with (
        server(sends(200, body)) as transport,
        pytest.raises(MisbehavingServiceError, match="another inference"),
    ):
        transport.wait("mine")


def test_events_in_any_pieces() -> None:
    stream = b": hello\n\nevent: progress\ndata: {}\n\nevent: done\r\ndata: 1\r\ndata: 2\r\n\r\n"
    expected = [Event("progress", "{}"), Event("done", "1\n2")]
    assert list(read_events([stream])) == expected
    assert list(read_events([stream[:40], stream[40:]])) == expected
    with pytest.raises(MisbehavingServiceError, match="without end"):
        list(read_events([bytes(100_000)]))
    with pytest.raises(MisbehavingServiceError, match="not text"):
        list(read_events([b"data: \xff\n\n"]))


@pytest.mark.parametrize(
    "url", ["", "ftp://a", "127.0.0.1:8000", "http://192.0.2.1:80", "http://clinic.example"]
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        Transport(url, "token")
