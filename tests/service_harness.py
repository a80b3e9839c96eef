"""Starts, kills and asks service processes; makes messages of random residues."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from safelight.ckks.ciphertext import Ciphertext, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.client.transport import Transport
from safelight.service.clients import add_client
from safelight.wire.ciphertext import encode_ciphertext
from safelight.wire.content_digest import content_digest
from safelight.wire.keys import encode_key
from safelight.wire.request import InferenceRequest, encode_request
from service_fake import GALOIS, MODELS, PARAMETERS, SCALE

SCRIPT = Path(__file__).with_name("service_fake.py")
READY_S = 30


@dataclass
class ServiceProcess:
    """A real service process on loopback."""

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    script: list[str] = field(default_factory=lambda: [str(SCRIPT)])
    process: subprocess.Popen[bytes] | None = None
    port: int = 0
    url: str = ""
    public_key: bytes = b""

    @property
    def log_path(self) -> Path:
        return self.data.parent / "service.log"

    def start(self) -> ServiceProcess:
        command = [sys.executable, *self.script, "--data", str(self.data), "--port", str(self.port)]
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONWARNINGS": "error"} | self.environment,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log_path.read_text()
        ready = json.loads(line)
        assert ready["event"] == "ready"
        self.url, self.public_key = ready["url"], bytes.fromhex(ready["service_key"])
        return self

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM: orderly."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(timeout=READY_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None
        return code

    def client(self, name: str) -> Caller:
        return Caller(self, add_client(self.data, name))

    def log_lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]


@dataclass
class Caller:
    """A client that may send whatever it likes."""

    service: ServiceProcess
    token: str

    def transport(self) -> Transport:
        return Transport(self.service.url, self.token, self.service.public_key)

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        with httpx.Client(base_url=self.service.url, timeout=30, trust_env=False) as client:
            return client.request(method, path, headers=headers, **options)

    def put(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        return self.ask("PUT", path, content=body, headers=octets(body) | headers)

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        return self.ask("POST", path, content=body, headers=octets(body) | headers)

    def keyset(self, parameters: Parameters = PARAMETERS) -> str:
        response = self.ask(
            "POST", "/v1/keysets", json={"parameters_digest": parameters.digest.hex()}
        )
        assert response.status_code == 201, response.text
        keyset_id: str = response.json()["id"]
        return keyset_id


def octets(body: bytes) -> dict[str, str]:
    """The headers of an octet stream."""
    return {
        "Content-Type": "application/octet-stream",
        "Content-Digest": content_digest(hashlib.sha256(body).digest()),
    }


@contextlib.contextmanager
def running_service(folder: Path, **environment: str) -> Iterator[ServiceProcess]:
    """A service whose data are in ``folder``; killed in the end."""
    service = ServiceProcess(folder / "data", environment).start()
    try:
        yield service
    finally:
        service.kill()


def random_residues(shape: tuple[int, ...], primes: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Residues below their primes; the last axis but one runs over the primes."""
    generator = np.random.default_rng(secrets.randbits(64))
    columns = [
        generator.integers(0, prime, size=(*shape[:-2], 1, shape[-1]), dtype=np.uint64)
        for prime in primes
    ]
    return np.concatenate(columns, axis=-2)


def random_ciphertext(parameters: Parameters = PARAMETERS, level: int = 1) -> Ciphertext:
    """Residues that encrypt nothing."""
    primes = parameters.data_primes[: level + 1]
    shape = (2, level + 1, parameters.n)
    return Ciphertext(parameters, random_residues(shape, primes), SCALE)


def random_key(parameters: Parameters = PARAMETERS, level: int = 1) -> KeySwitchKey:
    """Residues that switch nothing."""
    primes = (*parameters.data_primes[: level + 1], parameters.special_prime)
    shape = (level + 1, 2, level + 2, parameters.n)
    return KeySwitchKey(parameters, level, random_residues(shape, primes))


def key_message(element: int, *, level: int = 1, parameters: Parameters = PARAMETERS) -> bytes:
    """The message of a random key."""
    return encode_key(element, random_key(parameters, level))


def request_message(
    model: str = "tiny", *, parameters: Parameters | None = None, level: int = 1
) -> bytes:
    """The message of a request with a random ciphertext."""
    served = next(served for served in MODELS if served.name == model)
    used = parameters or served.parameters
    return encode_request(
        InferenceRequest(
            model_digest=bytes.fromhex(served.model_digest),
            parameters_digest=used.digest,
            nonce=secrets.token_bytes(16),
            ciphertext=encode_ciphertext(random_ciphertext(used, level)),
        )
    )


def upload_keys(caller: Caller, keyset_id: str) -> None:
    """All keys of the model ``tiny``."""
    for element in (0, *GALOIS):
        name = "relinearization" if element == 0 else str(element)
        response = caller.put(f"/v1/keysets/{keyset_id}/keys/{name}", key_message(element))
        assert response.status_code == 201, response.text


def finished(caller: Caller, job_id: str) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = caller.ask("GET", f"/v1/inferences/{job_id}").json()
        if job["status"] not in ("queued", "running"):
            return job
        time.sleep(0.02)
    raise AssertionError("the job did not end")
