"""Program messages: bit-exact round trip, structure, and constants that may not grow."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import zstandard

from safelight.circuit.program import AddPlain, LinearTransform, Program, RotateAndSum
from safelight.errors import (
    MalformedError,
    TrailingBytesError,
    TruncatedError,
    WireError,
)
from safelight.wire.canonical_json import canonical_json
from safelight.wire.frame import Kind, encode_prologue
from safelight.wire.program import (
    HEADER_BYTES,
    MAX_STRUCTURE_BYTES,
    decode_program,
    encode_program,
    program_digest,
)
from safelight.wire.program_structure import check_structure, constants
from wire_samples import PARAMETERS, program

MESSAGE = encode_program(program())
STRUCTURE_BYTES = int.from_bytes(MESSAGE[16:24], "little")
STRUCTURE = MESSAGE[HEADER_BYTES : HEADER_BYTES + STRUCTURE_BYTES]
FIELDS = MESSAGE[32:48]
PAYLOAD = MESSAGE[HEADER_BYTES + STRUCTURE_BYTES :]


def assemble(
    structure: bytes = STRUCTURE, fields: bytes = FIELDS, payload: bytes = PAYLOAD
) -> bytes:
    lengths = struct.pack("<QQ", len(structure), len(payload))
    length = HEADER_BYTES + len(structure) + len(payload)
    return encode_prologue(Kind.PROGRAM, length) + lengths + fields + structure + payload


def without_arrays(program: Program) -> Any:
    """A program as comparable data, constants by their bits."""
    steps = []
    for step in program.steps:
        plain = {k: v for k, v in vars(step).items() if k not in ("diagonals", "values")}
        keys = sorted(step.diagonals) if isinstance(step, LinearTransform) else None
        steps.append((type(step), plain, keys, [v.tobytes() for v in constants(step)]))
    return dataclasses.replace(program, steps=()), steps


def test_round_trip_is_bit_exact() -> None:
    again = decode_program(MESSAGE)
    assert without_arrays(again) == without_arrays(program())
    assert encode_program(again) == MESSAGE
    assert np.signbit(again.steps[5].values[3])  # type: ignore[union-attr]


def test_equal_vectors_are_sent_and_held_once() -> None:
    again = decode_program(MESSAGE)
    first = again.steps[0]
    assert isinstance(first, LinearTransform)
    assert first.diagonals[0] is first.diagonals[3]
    assert not first.diagonals[0].flags.writeable
    assert struct.unpack("<QIB3s", FIELDS) == (6, 2, 1, bytes(3))
    assert len(MESSAGE) < 1600


@pytest.mark.parametrize("distinct", [256, 257, 65536, 65537])
def test_width_of_indices(distinct: int) -> None:
    slots = PARAMETERS.slots
    values = np.resize(np.arange(distinct) / 7.0, (-(-distinct // slots), slots))
    steps = tuple(AddPlain(i + 1, i, row) for i, row in enumerate(values))
    original = dataclasses.replace(program(), steps=steps, output=len(steps))
    again = decode_program(encode_program(original))
    assert without_arrays(again) == without_arrays(original)


def test_program_without_constants() -> None:
    bare = dataclasses.replace(program(), steps=(RotateAndSum(7, 0, (1,)),), output=7)
    message = encode_program(bare)
    assert decode_program(message) == bare
    with pytest.raises(MalformedError):
        decode_program(assemble(json_of(bare), struct.pack("<QIB3s", 0, 0, 1, bytes(3)), b"x"))


def json_of(program: Program) -> bytes:
    message = encode_program(program)
    return message[HEADER_BYTES : HEADER_BYTES + int.from_bytes(message[16:24], "little")]


def test_digest() -> None:
    assert program_digest(MESSAGE) == hashlib.sha256(MESSAGE).digest()


def test_every_truncation_and_trailing_bytes() -> None:
    for size in range(len(MESSAGE)):
        with pytest.raises(TruncatedError):
            decode_program(MESSAGE[:size])
    with pytest.raises(TrailingBytesError):
        decode_program(MESSAGE + b"\0")


def test_every_flip_of_a_header_bit_is_refused() -> None:
    for bit in range(8 * HEADER_BYTES):
        flipped = bytearray(MESSAGE)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            decode_program(bytes(flipped))


Edit = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p.update(name=""),
        lambda p: p.update(name="a\nb"),
        lambda p: p.update(name="n" * 101),
        lambda p: p.update(extra=1),
        lambda p: p.pop("output"),
        lambda p: p.update(output=9),
        lambda p: p.update(output=True),
        lambda p: p.update(input_level=2),
        lambda p: p.update(input_level=-1),
        lambda p: p.update(input_scale=0.0),
        lambda p: p.update(input_scale=1),
        lambda p: p.update(steps={}),
        lambda p: p.update(steps=[{"dst": 1}]),
        lambda p: p["parameters"].update(n=2048),
        lambda p: p["parameters"].update(n=4096.0),
        lambda p: p["parameters"]["primes"].append(2**40 + 1),
        lambda p: p["parameters"]["primes"].extend([3] * 70),
        lambda p: p["steps"].append("rescale"),
        lambda p: p["steps"][0].update(op="eval"),
        lambda p: p["steps"][0].update(src=1),
        lambda p: p["steps"][0].update(dst=0),
        lambda p: p["steps"][0].update(scale=-1.0),
        lambda p: p["steps"][0].update(diagonals=[]),
        lambda p: p["steps"][0]["diagonals"].reverse(),
        lambda p: p["steps"][0]["diagonals"].append([2048, 0]),
        lambda p: p["steps"][0]["diagonals"][0].append(0),
        lambda p: p["steps"][0]["diagonals"][0].__setitem__(1, 1),
        lambda p: p["steps"][0]["diagonals"][1].__setitem__(1, 2),
        lambda p: p["steps"][0]["diagonals"][1].__setitem__(1, -1),
        lambda p: (
            p["steps"][0].update(diagonals=[[0, 0], [1, 0], [3, 0], [2047, 0]]),
            p["steps"][4].update(values=0),
        ),
        lambda p: p["steps"][0]["giant_steps"].pop(),
        lambda p: p["steps"][0]["giant_steps"][0][1].reverse(),
        lambda p: p["steps"][0]["giant_steps"][0][1].append(1),
        lambda p: p["steps"][0]["giant_steps"][0][1].append(2),
        lambda p: p["steps"][0]["giant_steps"].insert(1, [1, []]),
        lambda p: p["steps"][0]["giant_steps"][0].__setitem__(1, 3),
        lambda p: p["steps"][1].update(rotations=[2048]),
        lambda p: p["steps"][1].update(rotations=[1.0]),
        lambda p: p["steps"][1].update(label="x" * 201),
        lambda p: p["steps"][2].update(dst=2),
        lambda p: p["steps"][2].update(right=3),
        lambda p: p["steps"][2].update(dst=70000),
        lambda p: p["steps"][4].update(values=2),
        lambda p: p["steps"][4].update(values="0"),
        lambda p: p["steps"][4].update(values=True),
        lambda p: p["steps"][7].update(level=2),
    ],
)
def test_structure_is_checked(edit: Edit) -> None:
    structure = json.loads(STRUCTURE)
    edit(structure)
    with pytest.raises(MalformedError):
        decode_program(assemble(canonical_json(structure)))


def test_structure_must_be_canonical() -> None:
    with pytest.raises(MalformedError, match="canonical"):
        decode_program(assemble(json.dumps(json.loads(STRUCTURE)).encode()))
    with pytest.raises(MalformedError):
        decode_program(assemble(b" " * (MAX_STRUCTURE_BYTES + 1)))


def frame(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(raw)


RAW = zstandard.ZstdDecompressor().decompress(PAYLOAD)
ZEROS = struct.pack("<QIB3s", 1, 2**31, 1, bytes(3))


@pytest.mark.parametrize(
    ("fields", "payload"),
    [
        (struct.pack("<QIB3s", 6, 2, 2, bytes(3)), PAYLOAD),  # another width of indices
        (struct.pack("<QIB3s", 6, 2, 1, b"\1\0\0"), PAYLOAD),
        (struct.pack("<QIB3s", 5, 2, 1, bytes(3)), PAYLOAD),
        (struct.pack("<QIB3s", 0, 2, 1, bytes(3)), PAYLOAD),
        (struct.pack("<QIB3s", 6, 3, 1, bytes(3)), frame(RAW + bytes(2048))),  # one unused
        (ZEROS, frame(bytes(64))),  # four terabytes
        (struct.pack("<QIB3s", 2**61, 2, 4, bytes(3)), PAYLOAD),
        (struct.pack("<QIB3s", 2 * 2048 + 1, 2, 2, bytes(3)), PAYLOAD),  # values that none can use
        (FIELDS, b""),
        (FIELDS, PAYLOAD[:-1]),
        (FIELDS, PAYLOAD + b"\0"),
        (FIELDS, PAYLOAD + frame(b"")),
        (FIELDS, b"\x50\x2a\x4d\x18\x00\x00\x00\x00" + PAYLOAD),  # a skippable frame first
        (FIELDS, frame(RAW[:-1])),
        (FIELDS, frame(RAW + b"\0")),
        (FIELDS, frame(bytes(10**6))),
        (FIELDS, zstandard.ZstdCompressor(write_content_size=False).compress(RAW)),
        (FIELDS, frame(RAW[8:16] + RAW[:8] + RAW[16:])),  # not ascending
        (FIELDS, frame(RAW[:8] * 2 + RAW[16:])),
        (FIELDS, frame(RAW[:40] + struct.pack("<d", float("nan")) + RAW[48:])),
        (FIELDS, frame(RAW[:40] + struct.pack("<d", float("-inf")) + RAW[48:])),
        (FIELDS, frame(RAW[:-1] + b"\6")),  # an index beyond the table
        (FIELDS, frame(RAW[:48] + bytes(4096))),  # values that nothing uses
    ],
)
def test_constants_are_checked(fields: bytes, payload: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_program(assemble(fields=fields, payload=payload))


def test_cap_is_held_before_decompressing() -> None:
    needed = 8 * 2 * PARAMETERS.slots
    assert decode_program(MESSAGE, limit=needed)
    with pytest.raises(MalformedError, match="above the limit"):
        decode_program(MESSAGE, limit=needed - 1)


def test_frame_that_claims_more_than_it_can_hold() -> None:
    """Two kilobytes of indices out of nothing: refused without asking the decompressor."""
    huge = struct.pack("<QIB3s", 6, 20_000, 1, bytes(3))
    with pytest.raises(MalformedError, match="too short"):
        decode_program(assemble(fields=huge, payload=PAYLOAD[:20]))


@pytest.mark.parametrize(
    "change",
    [
        {"input_scale": float("nan")},
        {"output": 99},
        {"steps": (AddPlain(1, 0, np.zeros(5)),), "output": 1},
        {"steps": (AddPlain(1, 0, np.zeros(2048, dtype=np.float32)),), "output": 1},  # type: ignore[arg-type]
        {"steps": (AddPlain(1, 0, np.full(2048, np.inf)),), "output": 1},
        {"steps": tuple(RotateAndSum(i + 1, i, ()) for i in range(4097))},
    ],
)
def test_encoder_refuses_what_the_decoder_would(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        encode_program(dataclasses.replace(program(), **change))


def test_structure_of_the_sample_is_sound() -> None:
    check_structure(program())
