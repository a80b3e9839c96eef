"""One method of the comparison, in a process of its own: encrypt, infer, decrypt, log.

Reads a job (``.npz``: images, model inputs) and writes what it measured (``.npz``). Run as
``python -m safelight.lab.compare_process METHOD MODEL JOB RESULT``. Latencies are of one image
after another with one connection; a few images come first and are not counted.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.lab.compare_channels import KEY_BYTES, SYMMETRIC, AesRsa, Channel, Open
from safelight.lab.pipe_service import PipeService
from safelight.lab.process_memory import peak_memory_mb

PHASES = ("protect", "carry", "open", "infer", "reveal")
"""Clinic; both ways and waiting; service; service; clinic."""
_CLOCK = struct.Struct("<dd")
_WARM_UP = 3
FloatArray = NDArray[np.float64]


class Taken:
    """What one inference gave.

    Args:
        probability: Of the finding.
        times_ms: By phase.
        message: What travelled to the service.
        bytes_down: What travelled back.
    """

    def __init__(
        self, probability: float, times_ms: dict[str, float], message: bytes, bytes_down: int
    ) -> None:
        self.probability = probability
        self.times_ms = times_ms
        self.message = message
        self.bytes_down = bytes_down


Infer = Callable[[int], Taken]


@contextmanager
def _piped(method: str, model: str, plain: Callable[[int], bytes]) -> Iterator[tuple[Infer, int]]:
    service = PipeService(method, model)
    channel: Channel
    if method in SYMMETRIC:
        import os

        key = os.urandom(KEY_BYTES)
        service.ask(key)
        channel = SYMMETRIC[method](key)
    elif method == "aes-256-gcm+rsa":
        from safelight.vault.envelope.rsa_key import RsaPrivateKey

        own = RsaPrivateKey.generate(2048)
        channel = AesRsa(own, service.ask(own.public_key.to_bytes()))
    else:
        service.ask(b"hello")
        channel = Open()

    def infer(index: int) -> Taken:
        value = plain(index)
        start = time.perf_counter()
        message = channel.protect(value)
        protected = time.perf_counter()
        answer = service.ask(message)
        answered = time.perf_counter()
        opened_s, inferred_s = _CLOCK.unpack(answer[: _CLOCK.size])
        (probability,) = struct.unpack("<d", channel.reveal(answer[_CLOCK.size :]))
        revealed = time.perf_counter()
        seconds = {
            "protect": protected - start,
            "carry": answered - protected - opened_s - inferred_s,
            "open": opened_s,
            "infer": inferred_s,
            "reveal": revealed - answered,
        }
        down = len(answer) - _CLOCK.size
        return Taken(probability, {k: 1000 * v for k, v in seconds.items()}, message, down)

    try:
        yield infer, service.process.pid
    finally:
        service.close()


@contextmanager
def _served(method: str, model: str, inputs: FloatArray) -> Iterator[tuple[Infer, int]]:
    """Through the real service: `envelope` for HPKE, or `homomorphic`."""
    from safelight.client.client import Client
    from safelight.client.local_service import LocalService
    from safelight.client.sealed_client import SealedClient

    sealed = method == "hpke-hybrid"
    kind = SealedClient if sealed else Client
    with (
        LocalService((model,), lowered=(model,) if sealed else ()) as service,
        kind(service.url, service.token, service_key=service.public_key) as client,
    ):
        if isinstance(client, Client):
            client.ensure_keys(model)
        sent: list[bytes] = []
        _overhear(client, sent)

        def infer(index: int) -> Taken:
            sent.clear()
            answer = client.infer(model, inputs[index : index + 1])
            t = answer.timings_ms
            times = {
                "protect": t["seal"] if sealed else t["encrypt"],
                "carry": t["upload"] + t["wait"] - t["evaluate"] + t["download"],
                "open": 0.0,  # the service opens and infers within one measured phase
                "infer": t["evaluate"],
                "reveal": t["open"] if sealed else t["decrypt"],
            }
            probability = float(answer.unrounded_probabilities[0, 1])
            return Taken(probability, times, sent[0], answer.bytes_down)

        yield infer, service.pid


def _overhear(client: object, sent: list[bytes]) -> None:
    """Keeps a copy of each request as it travels, as an onlooker of the network would."""
    transport = client._transport  # type: ignore[attr-defined]
    for name in ("submit", "submit_sealed"):
        if hasattr(transport, name):
            original = getattr(transport, name)

            def heard(*arguments: object, original: Callable[..., object] = original) -> object:
                sent.append(bytes(arguments[-1]))  # type: ignore[call-overload]
                return original(*arguments)

            setattr(transport, name, heard)


def measure(method: str, model: str, job: Path, result: Path) -> None:
    """Runs the method over all images of the job."""
    from safelight.lab.ciphertext_guess import byte_features

    with np.load(job, allow_pickle=False) as archive:
        images, inputs = archive["images"], archive["inputs"]
        timed = int(archive["timed"])
    manager = (
        _served(method, model, inputs)
        if method in ("hpke-hybrid", "homomorphic")
        else _piped(
            method,
            model,
            (lambda i: images[i].tobytes())
            if method == "obfuscated"
            else (lambda i: inputs[i].astype("<f8").tobytes()),
        )
    )
    with manager as (infer, service_pid):
        for index in range(_WARM_UP):
            infer(index)
        taken: list[Taken] = []
        start = time.perf_counter()
        elapsed = 0.0
        for index in range(len(inputs)):
            taken.append(infer(index))
            if index + 1 == timed:
                elapsed = time.perf_counter() - start
            sys.stderr.write(f"{index + 1}\n")
            sys.stderr.flush()
        service_mb = peak_memory_mb(service_pid)
    np.savez(
        result,
        probabilities=np.array([t.probability for t in taken]),
        times_ms=np.array([[t.times_ms[phase] for phase in PHASES] for t in taken[:timed]]),
        bytes_up=np.array([len(t.message) for t in taken]),
        bytes_down=np.array([t.bytes_down for t in taken]),
        features=np.stack([byte_features(t.message) for t in taken]),
        throughput_per_s=np.array(timed / elapsed),
        clinic_mb=np.array(peak_memory_mb()),
        service_mb=np.array(service_mb),
    )


if __name__ == "__main__":
    measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
