"""Channels of the comparison: round trips, fresh every time, altered bytes refused."""

import numpy as np
import pytest

from safelight.lab.compare_channels import KEY_BYTES, SYMMETRIC, AesRsa, Channel
from safelight.lab.pipe_service import PipeService
from safelight.models.registry import load_model
from safelight.vault.envelope.rsa_key import RsaPrivateKey


def _channels() -> dict[str, Channel]:
    key = bytes(range(KEY_BYTES))
    own = RsaPrivateKey.generate(2048)
    made: dict[str, Channel] = {name: make(key) for name, make in SYMMETRIC.items()}
    return made | {"rsa": AesRsa(own, own.public_key.to_bytes())}


def test_round_trips_are_fresh_and_every_altered_byte_is_refused() -> None:
    for name, channel in _channels().items():
        plain = bytes(range(200))
        carried = channel.protect(plain)
        assert channel.reveal(carried) == plain
        assert channel.protect(plain) != carried, name
        for place in range(0, len(carried), 7):
            altered = bytearray(carried)
            altered[place] ^= 1
            with pytest.raises(Exception):  # noqa: B017 - each library has its own
                channel.reveal(bytes(altered))


def test_a_real_service_process_answers() -> None:
    service = PipeService("plaintext", "wdbc-logistic")
    try:
        service.ask(b"hello")
        shape = load_model("wdbc-logistic").graph.input_shape
        answer = service.ask(np.zeros(shape).astype("<f8").tobytes())
        assert len(answer) == 24  # two clock readings and the probability
        assert 0 <= np.frombuffer(answer[16:], "<f8")[0] <= 1
    finally:
        service.close()
