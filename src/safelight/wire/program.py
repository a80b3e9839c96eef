"""A program as one message: canonical JSON of its structure, then its constants.

Layout: a header of 48 bytes, the JSON, one Zstandard frame (`safelight.wire.constants`).
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from safelight.circuit.program import MAX_CONSTANT_BYTES, Program, Vector
from safelight.errors import MalformedError
from safelight.wire.canonical_json import canonical_json, parse_json
from safelight.wire.constants import (
    FIELDS,
    decode_constants,
    encode_constants,
)
from safelight.wire.frame import (
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    decode_whole,
    encode_prologue,
)
from safelight.wire.json_object import JsonObject, checked_integer
from safelight.wire.program_json import (
    parameters_from_json,
    program_from_json,
    program_to_json,
)
from safelight.wire.program_structure import check_structure

# lengths of the JSON and of the compressed constants; the fields of `constants` follow
_LENGTHS = struct.Struct("<QQ")
HEADER_BYTES = PROLOGUE.size + _LENGTHS.size + FIELDS.size

# 3,000 diagonals in some hundred giant steps are 60 kB.
MAX_STRUCTURE_BYTES = 4 * 1024 * 1024


def encode_program(program: Program) -> bytes:
    """The message of a program; equal vectors are sent once.

    Raises:
        MalformedError: A program that `decode_program` would refuse for its structure.
    """
    check_structure(program)
    vectors: list[Vector] = []
    numbers: dict[bytes, int] = {}

    def number(vector: Vector) -> int:
        key = hashlib.sha256(vector.tobytes()).digest()
        if key not in numbers:
            numbers[key] = len(vectors)
            vectors.append(vector)
        return numbers[key]

    structure = canonical_json(program_to_json(program, number))
    if len(structure) > MAX_STRUCTURE_BYTES:
        raise MalformedError(f"a structure of {len(structure)} bytes, above {MAX_STRUCTURE_BYTES}")
    fields, payload = encode_constants(vectors, program.parameters.slots)
    length = HEADER_BYTES + len(structure) + len(payload)
    lengths = _LENGTHS.pack(len(structure), len(payload))
    return b"".join([encode_prologue(Kind.PROGRAM, length), lengths, fields, structure, payload])


def decode_program(data: Buffer, *, limit: int = MAX_CONSTANT_BYTES) -> Program:
    """Reads a program; its constants are read-only arrays, shared where they are equal.

    Levels and scales are not judged here: `safelight.circuit.checks.register_states` does that.

    Args:
        data: One whole message.
        limit: Most bytes that the constants may occupy.

    Raises:
        MalformedError: A structure that is not canonical or that `check_structure` refuses,
            constants above the limit or not as announced, constants that no step uses.
        WireError: Any other fault, as in `safelight.wire.frame`.
    """
    view = memoryview(data)
    decode_whole(view, Kind.PROGRAM, header_bytes=HEADER_BYTES)
    structure_bytes, payload_bytes = _LENGTHS.unpack_from(view, PROLOGUE.size)
    fields = FIELDS.unpack_from(view, PROLOGUE.size + _LENGTHS.size)
    check_announced(len(view), HEADER_BYTES + structure_bytes + payload_bytes)
    end = HEADER_BYTES + structure_bytes
    document = parse_json(view[HEADER_BYTES:end], MAX_STRUCTURE_BYTES, canonical=True)

    structure = JsonObject(document, "the program")
    parameters = parameters_from_json(structure.take("parameters"))
    vectors: list[Vector] = list(decode_constants(fields, view[end:], parameters.slots, limit))
    met = 0

    def constant(number: Any) -> Vector:
        # numbered as they are met: one form, and none unused
        nonlocal met
        at = checked_integer(number, 0, min(met, len(vectors) - 1), "the number of a constant")
        met = max(met, at + 1)
        return vectors[at]

    program = program_from_json(structure, parameters, constant)
    if met != len(vectors):
        raise MalformedError(f"{len(vectors) - met} constants that no step uses")
    check_structure(program)
    return program


def program_digest(program_bytes: Buffer) -> bytes:
    """SHA-256 of a program message."""
    return hashlib.sha256(program_bytes).digest()
