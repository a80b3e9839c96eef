"""A decoder returns a valid object or raises WireError, never anything else, and never allocates
more than the declared size.

``SAFELIGHT_FUZZ_SECONDS=60`` runs each target for a minute with fresh seeds; without it each runs
a fixed, repeatable budget. The one decoder that also knows what was asked, `open_result`, may
raise MisbehavingServiceError as well.
"""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from safelight.errors import MisbehavingServiceError, WireError
from safelight.wire.canonical_json import canonical_json, parse_json
from safelight.wire.ciphertext import decode_ciphertext, encode_ciphertext
from safelight.wire.frame import Kind, encode_prologue
from safelight.wire.key_stream import KeyStreamReader
from safelight.wire.keys import decode_key, encode_key, peek_key_header
from safelight.wire.program import HEADER_BYTES as PROGRAM_HEADER
from safelight.wire.program import decode_program, encode_program
from safelight.wire.request import decode_request, encode_request
from safelight.wire.result import ResultStatement, open_result, sign_result
from safelight.wire.signature import decode_signature
from wire_samples import (
    PARAMETERS,
    SCALE,
    SIGNING_KEY,
    ciphertext,
    digest_of,
    key,
    program,
    request,
    result_ciphertext,
    statement,
)

SECONDS = float(os.environ.get("SAFELIGHT_FUZZ_SECONDS", "0"))
PROGRAM_LIMIT = 1 << 20
# Packed residues of 24 bits become 8 bytes each, once as found and once in place; a seed as much
# again. What a program declares is held against PROGRAM_LIMIT. The rest is Python's own.
ALLOCATION_FACTOR = 16
ALLOCATION_FREE = 2 * PROGRAM_LIMIT

Decoder = Callable[[bytes], object]

DECODERS: dict[str, tuple[Decoder, list[bytes]]] = {
    "ciphertext": (
        lambda data: decode_ciphertext(data, PARAMETERS, level=1, scale=SCALE),
        [encode_ciphertext(ciphertext(seeded=seeded)) for seeded in (True, False)],
    ),
    "key": (
        lambda data: decode_key(data, PARAMETERS),
        [encode_key(3, key(level=0)), encode_key(0, key(seeded=False))],
    ),
    "key header": (peek_key_header, [encode_key(3, key(level=0))]),
    "key stream": (
        lambda data: [message.decode() for message in KeyStreamReader(PARAMETERS).feed(data)],
        [encode_key(3, key(level=0)) + encode_key(9, key(level=0))],
    ),
    "request": (decode_request, [encode_request(request())]),
    "program": (
        lambda data: decode_program(data, limit=PROGRAM_LIMIT),
        [encode_program(program())],
    ),
    "statement": (ResultStatement.from_bytes, [statement().to_bytes()]),
    "result": (
        lambda data: open_result(
            data,
            SIGNING_KEY.public_key(),
            request_digest=digest_of("request"),
            model_digest=digest_of("model"),
            parameters_digest=PARAMETERS.digest,
        ),
        [sign_result(statement(), result_ciphertext(), SIGNING_KEY)],
    ),
    "json": (lambda data: parse_json(data, 1 << 16), [canonical_json({"a": [1, 2.5, "é", None]})]),
    "signature": (decode_signature, [b'{"input_shape":[30],"model":"m","parameters":{"n":4096}}']),
}

_NUMBERS = [0, 1, 2, 0x7F, 0x80, 0xFF, 0xFFFF, 2**31, 2**32 - 1, 2**63, 2**64 - 1]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """One to four of the edits that find parsers' faults, mostly near the beginning."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        near = min(len(out), rng.choice([8, 64, 128, 1 << 30]))
        at = rng.randrange(near) if near else 0
        match rng.randrange(7):
            case 0 if out:
                out[at] ^= 1 << rng.randrange(8)
            case 1 if out:
                out[at] = rng.randrange(256)
            case 2:
                del out[at:]
            case 3:
                out += rng.randbytes(rng.choice([1, 8, 500]))
            case 4:
                number = struct.pack("<Q", rng.choice(_NUMBERS))[: rng.choice([1, 2, 4, 8])]
                out[at : at + len(number)] = number
            case 5:
                del out[at : at + rng.choice([1, 8, 100])]
            case _:
                out[at:at] = out[: rng.choice([1, 8, 100])]
    if rng.random() < 0.5 and len(out) >= 16:  # get past the length
        out[8:16] = struct.pack("<Q", len(out))
    return bytes(out)


def check(decode: Decoder, data: bytes) -> None:
    """The invariant, for one input."""
    tracemalloc.start()
    try:
        decode(data)
    except (WireError, MisbehavingServiceError):
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak <= ALLOCATION_FACTOR * len(data) + ALLOCATION_FREE


def fuzz(examples: int, target: Callable[..., None], *strategies: Any) -> None:
    """Runs a target for its fixed budget, or for as long as was asked for."""
    deadline = time.monotonic() + SECONDS
    for round_seed in _rounds():
        once = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(given(*strategies)(target))
        seed(round_seed)(once)()
        if time.monotonic() >= deadline:
            break


def _rounds() -> Iterator[int]:
    yield 0
    while True:
        yield random.SystemRandom().getrandbits(64)


@pytest.mark.parametrize("name", DECODERS)
def test_mutated_messages(name: str) -> None:
    decode, samples = DECODERS[name]

    def target(sample: bytes, mutation: int) -> None:
        check(decode, mutated(sample, random.Random(mutation)))

    fuzz(120, target, st.sampled_from(samples), st.integers(0, 2**64 - 1))


@pytest.mark.parametrize("name", DECODERS)
def test_arbitrary_bytes_behind_a_prologue(name: str) -> None:
    decode, _ = DECODERS[name]

    def target(kind: Kind | None, flags: int, body: bytes) -> None:
        prologue = b"" if kind is None else encode_prologue(kind, 16 + len(body), flags)
        check(decode, prologue + body)

    kinds = st.sampled_from([None, *Kind])
    fuzz(60, target, kinds, st.sampled_from([0, 1]), st.binary(max_size=400))


def test_programs_with_exchanged_json() -> None:
    """Any value in the place of any other, in a message whose lengths are right."""
    message = encode_program(program())
    size = int.from_bytes(message[16:24], "little")
    structure, rest = (
        message[PROGRAM_HEADER : PROGRAM_HEADER + size],
        message[PROGRAM_HEADER + size :],
    )

    def target(mutation: int, replacement: Any) -> None:
        document = parse_json(structure, size)
        rng = random.Random(mutation)
        holder: Any = document
        while True:
            place = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            inner = holder[place]
            if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
                break
            holder = inner
        if rng.random() < 0.2:
            del holder[place]
        else:
            holder[place] = replacement
        text = canonical_json(document)
        lengths = struct.pack("<QQ", len(text), len(rest))
        prologue = encode_prologue(Kind.PROGRAM, PROGRAM_HEADER + len(text) + len(rest))
        check(
            lambda data: decode_program(data, limit=PROGRAM_LIMIT),
            prologue + lengths + message[32:48] + text + rest,
        )

    small = st.sampled_from(
        [-1, 0, 1, 2, 3, 5, 2047, 2048, 4096, 2**53, -(2**70), 0.0, 1.5, True, ""]
    )
    values = st.none() | small | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    nested = st.recursive(values, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v))
    fuzz(250, target, st.integers(0, 2**64 - 1), nested)


def test_constants_with_any_fields() -> None:
    message = encode_program(program())

    def target(values: int, vectors: int, width: int, tail: bytes, cut: int) -> None:
        fields = struct.pack("<QIB3s", values, vectors, width, bytes(3))
        size = int.from_bytes(message[16:24], "little")
        body = message[PROGRAM_HEADER : PROGRAM_HEADER + size]
        payload = (message[PROGRAM_HEADER + size :] + tail)[cut:]
        prologue = encode_prologue(Kind.PROGRAM, PROGRAM_HEADER + size + len(payload))
        lengths = struct.pack("<QQ", size, len(payload))
        check(
            lambda data: decode_program(data, limit=PROGRAM_LIMIT),
            prologue + lengths + fields + body + payload,
        )

    counts = st.sampled_from([0, 1, 2, 5, 6, 7, 255, 256, 257, 40_000, 2**32 - 1])
    large = counts | st.integers(0, 2**64 - 1)
    fuzz(
        150, target, large, counts, st.sampled_from([0, 1, 2, 4, 8]), st.binary(), st.integers(0, 9)
    )
