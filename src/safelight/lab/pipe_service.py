"""The service's side of a comparison's simple methods: a process that answers over its pipes.

It holds the model and its own half of the channel, and sees what the method lets it see. Messages
are length-prefixed. Run as ``python -m safelight.lab.pipe_service METHOD MODEL``.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import logits_of, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import ServiceFailedError
from safelight.lab.compare_channels import SYMMETRIC, AesRsa, Channel, Open

_LENGTH = struct.Struct("<Q")
_MOST_BYTES = 1 << 30
_RSA_BITS = 2048  # as the third source has it; the vault's own default is 3072
FloatArray = NDArray[np.float64]
Network = Callable[[bytes], float]


def write_message(stream: BinaryIO, message: bytes) -> None:
    """One message."""
    stream.write(_LENGTH.pack(len(message)) + message)
    stream.flush()


def read_message(stream: BinaryIO) -> bytes:
    """One message; empty at the end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return b""
    (length,) = _LENGTH.unpack(head)
    if length > _MOST_BYTES:
        raise ServiceFailedError("a message of the comparison is too long")
    return stream.read(length)


class PipeService:
    """Starts the process and talks to it.

    Args:
        method: Such as ``aes-256-gcm``.
        model: Name of a shipped model, or the path of an obfuscated network.
    """

    def __init__(self, method: str, model: str) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", "safelight.lab.pipe_service", method, model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._in: BinaryIO = self.process.stdin  # type: ignore[assignment]
        self._out: BinaryIO = self.process.stdout  # type: ignore[assignment]

    def ask(self, message: bytes) -> bytes:
        """Its answer to one message.

        Raises:
            ServiceFailedError: It ended.
        """
        write_message(self._in, message)
        answer = read_message(self._out)
        if not answer:
            raise ServiceFailedError("the comparison's service process ended early")
        return answer

    def close(self) -> None:
        """Ends the process."""
        self._in.close()
        self.process.wait(30)
        self._out.close()


def _network(method: str, model: str) -> Network:
    if method == "obfuscated":
        from safelight.models.training.masked_cnn import load_masked_cnn

        masked = load_masked_cnn(Path(model))

        def of_obfuscated(plain: bytes) -> float:
            image = np.frombuffer(plain, np.uint8).reshape(1, *masked.shape)
            return float(masked.probabilities(image)[0])

        return of_obfuscated
    from safelight.models.registry import load_model

    loaded = load_model(model)
    outputs, shape = loaded.meaning.outputs, loaded.graph.input_shape

    def of_input(plain: bytes) -> float:
        values = np.frombuffer(plain, "<f8").reshape(1, *shape)
        return float(
            probabilities(outputs, logits_of(outputs, evaluate(loaded.graph, values)))[0, 1]
        )

    return of_input


def _channel(method: str, stdin: BinaryIO, stdout: BinaryIO) -> Channel:
    """The service's half; keys are exchanged in the first message."""
    if method in SYMMETRIC:
        key = read_message(stdin)
        write_message(stdout, b"ready")
        return SYMMETRIC[method](key)
    if method == "aes-256-gcm+rsa":
        from safelight.vault.envelope.rsa_key import RsaPrivateKey

        own = RsaPrivateKey.generate(_RSA_BITS)
        other = read_message(stdin)
        write_message(stdout, own.public_key.to_bytes())
        return AesRsa(own, other)
    read_message(stdin)
    write_message(stdout, b"ready")
    return Open()


def _serve(method: str, model: str) -> None:
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    network = _network(method, model)
    channel = _channel(method, stdin, stdout)
    while carried := read_message(stdin):
        start = time.perf_counter()
        plain = channel.reveal(carried)
        opened = time.perf_counter()
        probability = network(plain)
        inferred = time.perf_counter()
        answer = channel.protect(struct.pack("<d", probability))
        # the service's own clock travels beside the answer, not inside: it is no secret
        clock = struct.pack("<dd", opened - start, inferred - opened)
        write_message(stdout, clock + answer)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2])
