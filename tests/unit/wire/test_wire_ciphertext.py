"""Ciphertext messages: round trip and every refusal."""

from __future__ import annotations

import dataclasses
import struct

import numpy as np
import pytest

from safelight.ckks.ciphertext import Ciphertext
from safelight.errors import (
    MalformedError,
    ParameterMismatchError,
    ResidueRangeError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedVersionError,
    WireError,
)
from safelight.wire.ciphertext import (
    HEADER_BYTES,
    ciphertext_message_length,
    decode_ciphertext,
    encode_ciphertext,
)
from wire_samples import OTHER_PARAMETERS, PARAMETERS, SCALE, ciphertext

SEEDED = encode_ciphertext(ciphertext())


def decode(data: bytes, *, level: int = 1, components: int = 2) -> Ciphertext:
    return decode_ciphertext(data, PARAMETERS, level=level, scale=SCALE, components=components)


def edited(offset: int, replacement: bytes, message: bytes = SEEDED) -> bytes:
    return message[:offset] + replacement + message[offset + len(replacement) :]


@pytest.mark.parametrize(
    ("seeded", "level", "components"), [(True, 1, 2), (True, 0, 2), (False, 1, 2), (False, 0, 3)]
)
def test_round_trip(seeded: bool, level: int, components: int) -> None:
    ct = ciphertext(seeded=seeded, level=level, components=components)
    message = encode_ciphertext(ct)
    assert len(message) == ciphertext_message_length(
        PARAMETERS, level, components=components, seeded=seeded
    )
    again = decode(message, level=level, components=components)
    assert np.array_equal(again.residues, ct.residues)
    assert (again.scale, again.seed, again.level) == (ct.scale, ct.seed, ct.level)
    assert encode_ciphertext(again) == message
    assert decode(bytearray(message), level=level, components=components).scale == SCALE


def test_seed_halves_the_message() -> None:
    assert len(SEEDED) == 64 + 32 + 2 * 4096 * 24 // 8


def test_every_truncation_of_the_header() -> None:
    for size in (*range(HEADER_BYTES + 40), len(SEEDED) - 1):
        with pytest.raises(TruncatedError):
            decode(SEEDED[:size])


def test_trailing_byte() -> None:
    with pytest.raises(TrailingBytesError):
        decode(SEEDED + b"\0")


def test_every_flip_of_a_header_bit_is_refused() -> None:
    for bit in range(8 * HEADER_BYTES):
        flipped = bytearray(SEEDED)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(WireError):
            decode(bytes(flipped))


@pytest.mark.parametrize(
    ("offset", "replacement", "error"),
    [
        (0, b"XLGT", MalformedError),
        (4, b"\x02", MalformedError),
        (5, b"\x02", UnsupportedVersionError),
        (6, b"\x03", MalformedError),
        (8, struct.pack("<Q", 8), MalformedError),
        (8, struct.pack("<Q", 2**63), TruncatedError),
        (16, bytes(32), ParameterMismatchError),
        (48, b"\x03", MalformedError),
        (49, b"\x00", MalformedError),
        (49, b"\xff", MalformedError),
        (50, b"\x01", MalformedError),
        (56, struct.pack("<d", float("nan")), MalformedError),
        (56, struct.pack("<d", float("inf")), MalformedError),
        (56, struct.pack("<d", -SCALE), MalformedError),
        (56, struct.pack("<d", np.nextafter(SCALE, 0)), MalformedError),
        (96, b"\xff\xff\xff", ResidueRangeError),
        (96, PARAMETERS.primes[0].to_bytes(3, "little"), ResidueRangeError),
    ],
)
def test_refusals(offset: int, replacement: bytes, error: type[WireError]) -> None:
    with pytest.raises(error):
        decode(edited(offset, replacement))


def test_largest_residue_is_accepted() -> None:
    largest = PARAMETERS.primes[0] - 1
    assert decode(edited(96, largest.to_bytes(3, "little"))).residues[0, 0, 0] == largest


def test_expectations_of_the_caller() -> None:
    with pytest.raises(MalformedError, match="expected 2 at level 0"):
        decode(SEEDED, level=0)
    with pytest.raises(MalformedError):
        decode(SEEDED, components=3)
    with pytest.raises(MalformedError, match="scale"):
        decode_ciphertext(SEEDED, PARAMETERS, level=1, scale=2 * SCALE)
    with pytest.raises(ParameterMismatchError):
        decode_ciphertext(SEEDED, OTHER_PARAMETERS, level=1, scale=SCALE)


def test_transparent_is_refused_both_ways() -> None:
    ct = ciphertext(seeded=False)
    residues = ct.residues.copy()
    residues[1, 1] = 0  # at one prime only: modulus switching would bring it out
    with pytest.raises(MalformedError, match="transparent"):
        encode_ciphertext(dataclasses.replace(ct, residues=residues))
    message = encode_ciphertext(ct)
    row = 4096 * 24 // 8
    with pytest.raises(MalformedError, match="transparent"):
        decode(message[:-row] + bytes(row))


@pytest.mark.parametrize(
    "change",
    [
        {"residues": ciphertext().residues.astype(np.int64)},
        {"residues": ciphertext().residues[0]},
        {"residues": ciphertext().residues[:1]},
        {"residues": ciphertext().residues[:, :, :8]},
        {"scale": 0.0},
        {"scale": float("nan")},
        {"seed": b"short"},
        {"parameters": OTHER_PARAMETERS, "residues": np.zeros((2, 4, 4096), dtype=np.uint64)},
        {"residues": ciphertext(seeded=False, components=3).residues},
    ],
)
def test_encoder_refuses_what_the_decoder_would(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        encode_ciphertext(dataclasses.replace(ciphertext(), **change))  # type: ignore[arg-type]


def test_encoder_refuses_residues_out_of_range() -> None:
    ct = ciphertext()
    residues = ct.residues.copy()
    residues[0, 0, 0] = PARAMETERS.primes[0]
    with pytest.raises(ResidueRangeError):
        encode_ciphertext(dataclasses.replace(ct, residues=residues))
