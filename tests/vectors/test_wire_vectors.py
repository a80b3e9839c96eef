"""wire.json is what its script makes, and our decoders agree with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import make_wire_vectors
import numpy as np
import pytest

from safelight import errors
from safelight.wire.ciphertext import decode_ciphertext
from safelight.wire.keys import decode_key
from safelight.wire.packing import unpack_bits_numpy
from safelight.wire.program import decode_program, encode_program
from safelight.wire.request import decode_request
from safelight.wire.result import open_result
from wire_samples import PARAMETERS, SCALE, SIGNING_KEY, digest_of, program

VECTORS: dict[str, Any] = json.loads(make_wire_vectors.PATH.read_text(encoding="utf-8"))
MESSAGES = {name: message for name, (message, _, _) in make_wire_vectors.messages().items()}

DECODERS: dict[str, Callable[[bytes], object]] = {
    "ciphertext": lambda data: decode_ciphertext(data, PARAMETERS, level=1, scale=SCALE),
    "key": lambda data: decode_key(data, PARAMETERS),
    "request": decode_request,
    "program": decode_program,
    "result": lambda data: open_result(
        data,
        SIGNING_KEY.public_key(),
        request_digest=digest_of("request"),
        model_digest=digest_of("model"),
        parameters_digest=PARAMETERS.digest,
    ),
}


def decode(name: str, data: bytes) -> object:
    return DECODERS[name.split("-")[0]](data)


def test_file_is_what_the_script_makes() -> None:
    assert make_wire_vectors.PATH.read_text(encoding="utf-8") == make_wire_vectors.text()


@pytest.mark.parametrize("name", VECTORS["messages"])
def test_message_is_accepted(name: str) -> None:
    stored, message = VECTORS["messages"][name], MESSAGES[name]
    assert (len(message), hashlib.sha256(message).hexdigest()) == (
        stored["bytes"],
        stored["sha256"],
    )
    assert message.startswith(bytes.fromhex(stored["header"]))
    decode(name, message)


@pytest.mark.parametrize("fault", VECTORS["faults"], ids=lambda f: f"{f['message']}: {f['name']}")
def test_fault_has_its_failure_class(fault: dict[str, Any]) -> None:
    data = bytearray(MESSAGES[fault["message"]])
    for offset, replacement, times in fault["edits"]:
        new = bytes.fromhex(replacement) * times
        data[offset : offset + len(new)] = new
    data = data[: fault["keep"]] + bytes.fromhex(fault["append"])
    with pytest.raises(errors.SafelightError) as caught:
        decode(fault["message"], bytes(data))
    assert type(caught.value).__name__ == fault["failure"]


def test_packing() -> None:
    vector = VECTORS["packing"]
    packed = np.frombuffer(bytes.fromhex(vector["packed"]), dtype=np.uint8)
    assert unpack_bits_numpy(packed, vector["bits"], 64, 1 << 43).tolist() == vector["values"]


def test_program_is_the_sample() -> None:
    """Compressed by someone else, the same program comes out."""
    again = decode_program(MESSAGES["program"])
    assert encode_program(again) == encode_program(program())
