"""A service that lies about results, keys or models is found out before anything is decrypted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from safelight.ckks.secret import SecretKeys
from safelight.client.client import Client
from safelight.errors import MisbehavingServiceError, SafelightError
from service_harness import Caller, ServiceProcess
from tampering_proxy import Tamper, tampering_proxy

MODEL = "wdbc-logistic"
SCRIPT = ["-m", "safelight.service", "--model", MODEL, "--engine", "seal"]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("service")
    service = ServiceProcess(folder / "data", script=SCRIPT).start()
    yield service
    service.stop()


@pytest.fixture
def caller(service: ServiceProcess) -> Caller:
    """A client of its own: each has room for a few key sets only."""
    return service.client(f"clinic-{uuid.uuid4().hex[:8]}")


@pytest.fixture(autouse=True)
def _decryption_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """In these tests nothing may be decrypted, unless a test says so."""

    def refuse(*_args: object) -> None:
        raise AssertionError("a lie was decrypted")

    monkeypatch.setattr(SecretKeys, "decrypt", refuse)


def inputs() -> np.ndarray:
    return np.random.default_rng(3).uniform(-1, 1, (2, 30))


def ask(caller: Caller, tamper: Tamper, *, known_key: bool = True) -> None:
    key = caller.service.public_key if known_key else None
    with (
        tampering_proxy(caller.service.url, tamper) as url,
        Client(url, caller.token, service_key=key) as client,
    ):
        client.infer(MODEL, inputs())


def is_result(method: str, path: str) -> bool:
    return method == "GET" and path.endswith("/result")


def test_the_proxy_alone_changes_nothing(caller: Caller) -> None:
    with pytest.raises(AssertionError, match="a lie was decrypted"):
        ask(caller, lambda method, path, body: body)  # came through to decryption


@pytest.mark.parametrize("place", [40, 100, 150, 400, -1])
def test_a_changed_result(caller: Caller, place: int) -> None:
    """Places in the signature, in the statement, and in the ciphertext."""

    def tamper(method: str, path: str, body: bytes) -> bytes:
        if not is_result(method, path):
            return body
        changed = bytearray(body)
        changed[place] ^= 1
        return bytes(changed)

    with pytest.raises(MisbehavingServiceError):
        ask(caller, tamper)


@pytest.mark.parametrize("cut", [0, 1, 100, 5000])
def test_a_result_of_wrong_size(caller: Caller, cut: int) -> None:
    def tamper(method: str, path: str, body: bytes) -> bytes:
        return body[:-cut] if cut else body + bytes(8)

    with pytest.raises(MisbehavingServiceError):
        ask(caller, lambda m, p, b: tamper(m, p, b) if is_result(m, p) else b)


def test_the_result_of_another_request(caller: Caller) -> None:
    """Signed by the right service, of the right model, under the right keys: but a replay."""
    kept: list[bytes] = []

    def tamper(method: str, path: str, body: bytes) -> bytes:
        if is_result(method, path):
            kept.append(body)
            return kept[0]
        return body

    with (
        tampering_proxy(caller.service.url, tamper) as url,
        Client(url, caller.token, service_key=caller.service.public_key) as client,
    ):
        with pytest.raises(AssertionError, match="a lie was decrypted"):
            client.infer(MODEL, inputs())  # the true one
        with pytest.raises(MisbehavingServiceError, match="request"):
            client.infer(MODEL, inputs())
    assert len(kept) == 2


def test_another_services_key(caller: Caller) -> None:
    with (
        pytest.raises(MisbehavingServiceError),
        Client(caller.service.url, caller.token, service_key=bytes(32)) as client,
    ):
        client.infer(MODEL, inputs())


def test_a_key_that_signed_nothing(caller: Caller) -> None:
    """Without a known key the first one named counts: the signature must be of that one."""

    def tamper(method: str, path: str, body: bytes) -> bytes:
        if path == "/v1/service":
            document = json.loads(body)
            document["public_key"] = "11" * 32
            return json.dumps(document).encode()
        return body

    with pytest.raises(SafelightError):
        ask(caller, tamper, known_key=False)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"input_level": 0},
        {"output_slots": [1 << 20]},
        {"input_slots": [[0, 0, 0, 0, 1 << 50]]},
        {"title": "\x1b]0;pwned\x07"},
        {"records": 1 << 40},
    ],
)
def test_a_signature_that_cannot_be(caller: Caller, change: dict[str, object]) -> None:
    def tamper(method: str, path: str, body: bytes) -> bytes:
        if path.startswith("/v1/models/"):
            document = json.loads(body)
            document["signature"] |= change
            return json.dumps(document).encode()
        return body

    with pytest.raises(MisbehavingServiceError, match="signature"):
        ask(caller, tamper)


def test_an_unknown_preprocessing_step(caller: Caller, tmp_path: Path) -> None:
    def tamper(method: str, path: str, body: bytes) -> bytes:
        if path.startswith("/v1/models/"):
            document = json.loads(body)
            document["signature"]["preprocessing"]["steps"] = [{"step": "upload the original"}]
            return json.dumps(document).encode()
        return body

    table = tmp_path / "record.csv"
    table.write_text(",".join(["1"] * 30) + "\n")
    with (
        tampering_proxy(caller.service.url, tamper) as url,
        Client(url, caller.token, service_key=caller.service.public_key) as client,
        pytest.raises(SafelightError, match="preprocessing"),
    ):
        list(client.diagnose(MODEL, [table]))
