"""Writes wire.json: messages and faults that every implementation of the wire format must agree on.

Run ``python tests/vectors/make_wire_vectors.py`` after a change of the format; a test compares the
file with what this script makes. Long messages are not stored: they follow from their header and
from uniform residues of named seeds, and their SHA-256 tells whether they were made right.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent
sys.path[:0] = [str(FOLDER.parent), str(FOLDER.parents[1] / "src")]

from safelight.ckks.uniform import uniform_residues  # noqa: E402
from safelight.wire.canonical_json import canonical_json  # noqa: E402
from safelight.wire.ciphertext import encode_ciphertext  # noqa: E402
from safelight.wire.constants import FIELDS  # noqa: E402
from safelight.wire.frame import Kind, encode_prologue  # noqa: E402
from safelight.wire.keys import encode_key, keyset_digest  # noqa: E402
from safelight.wire.packing import pack_bits_numpy  # noqa: E402
from safelight.wire.program_json import program_to_json  # noqa: E402
from safelight.wire.request import encode_request  # noqa: E402
from safelight.wire.result import sign_result  # noqa: E402
from wire_samples import (  # noqa: E402
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

PATH = FOLDER / "wire.json"
ORIGIN = (
    "made by tests/vectors/make_wire_vectors.py from docs/wire-format.md; "
    "the signing key is that of RFC 8032, section 7.1, test 1"
)


def raw_zstd_frame(raw: bytes) -> bytes:
    """One frame of uncompressed blocks (RFC 8878): the same with every release of the library."""
    blocks = [raw[i : i + (1 << 17)] for i in range(0, len(raw), 1 << 17)]
    headers = [
        struct.pack("<I", (len(block) << 3) | (i == len(blocks) - 1))[:3]
        for i, block in enumerate(blocks)
    ]
    body = b"".join(header + block for header, block in zip(headers, blocks, strict=True))
    # single segment, content size in eight bytes, no checksum, no dictionary
    return b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", len(raw)) + body


def program_message() -> bytes:
    """The sample program around a frame that does not depend on a compressor."""
    vectors: list[bytes] = []

    def number(vector: Any) -> int:
        if vector.tobytes() not in vectors:
            vectors.append(vector.tobytes())
        return vectors.index(vector.tobytes())

    structure = canonical_json(program_to_json(program(), number))
    patterns = np.frombuffer(b"".join(vectors), dtype="<u8")
    table, indices = np.unique(patterns, return_inverse=True)
    payload = raw_zstd_frame(table.tobytes() + indices.astype(np.uint8).tobytes())
    lengths = struct.pack("<QQ", len(structure), len(payload))
    return b"".join(
        [
            encode_prologue(Kind.PROGRAM, 48 + len(structure) + len(payload)),
            lengths,
            FIELDS.pack(len(table), len(vectors), 1, bytes(3)),
            structure,
            payload,
        ]
    )


def messages() -> dict[str, tuple[bytes, int, str]]:
    """Message, length of its header and where the rest comes from, by name."""
    uniform = "rows are uniform(SHA-256(name), digit, prime index), name"
    return {
        "ciphertext-seeded": (
            encode_ciphertext(ciphertext()),
            64,
            f"seed SHA-256('component 1'); c0: {uniform} 'component 0'",
        ),
        "ciphertext-full": (
            encode_ciphertext(ciphertext(seeded=False)),
            64,
            f"c0, c1: {uniform} 'component 0', 'component 1'",
        ),
        "key-seeded": (
            encode_key(3, key(level=0)),
            56,
            f"seed SHA-256('key a'); b: {uniform} 'key b'",
        ),
        "key-relinearization": (
            encode_key(0, key(seeded=False)),
            56,
            f"b, a of digit 0, then of digit 1: {uniform} 'key b', 'key a'",
        ),
        "request": (encode_request(request()), 104, "the message ciphertext-seeded"),
        "result": (
            sign_result(statement(), result_ciphertext(), SIGNING_KEY),
            96 + len(statement().to_bytes()),
            "c0, c1 of ciphertext-full at its first prime only, as a message of level 0",
        ),
        "program": (program_message(), -1, "stored whole"),
    }


_u64 = struct.Struct("<Q").pack
_f64 = struct.Struct("<d").pack
_Q0 = PARAMETERS.primes[0].to_bytes(3, "little")

# message, name, failure class, (offset, bytes) edits, bytes kept (None: all), bytes appended
FAULTS: list[tuple[str, str, str, list[tuple[int, bytes]], int | None, bytes]] = [
    ("ciphertext-seeded", "empty", "TruncatedError", [], 0, b""),
    ("ciphertext-seeded", "half a prologue", "TruncatedError", [], 8, b""),
    ("ciphertext-seeded", "header only", "TruncatedError", [], 64, b""),
    ("ciphertext-seeded", "last byte missing", "TruncatedError", [], -1, b""),
    ("ciphertext-seeded", "one byte more", "TrailingBytesError", [], None, b"\0"),
    ("ciphertext-seeded", "magic", "MalformedError", [(0, b"slgt")], None, b""),
    ("ciphertext-seeded", "kind of a key", "MalformedError", [(4, b"\2")], None, b""),
    ("ciphertext-seeded", "version 2", "UnsupportedVersionError", [(5, b"\2")], None, b""),
    ("ciphertext-seeded", "unknown flag", "MalformedError", [(6, b"\3")], None, b""),
    ("ciphertext-seeded", "seeded flag cleared", "MalformedError", [(6, b"\0")], None, b""),
    ("ciphertext-seeded", "length below the header", "MalformedError", [(8, _u64(63))], None, b""),
    ("ciphertext-seeded", "length of 2^63", "TruncatedError", [(8, _u64(1 << 63))], None, b""),
    ("ciphertext-seeded", "other parameters", "ParameterMismatchError", [(16, b"\0\0")], None, b""),
    ("ciphertext-seeded", "three components", "MalformedError", [(48, b"\3")], None, b""),
    ("ciphertext-seeded", "level 0", "MalformedError", [(49, b"\0")], None, b""),
    ("ciphertext-seeded", "level 255", "MalformedError", [(49, b"\xff")], None, b""),
    ("ciphertext-seeded", "reserved byte", "MalformedError", [(55, b"\1")], None, b""),
    ("ciphertext-seeded", "scale NaN", "MalformedError", [(56, _f64(float("nan")))], None, b""),
    ("ciphertext-seeded", "scale 2^21", "MalformedError", [(56, _f64(2.0**21))], None, b""),
    ("ciphertext-seeded", "residue = prime", "ResidueRangeError", [(96, _Q0)], None, b""),
    ("ciphertext-full", "transparent", "MalformedError", [(64 + 24576, bytes(24576))], None, b""),
    ("ciphertext-full", "c1 = 0 mod q1", "MalformedError", [(64 + 36864, bytes(12288))], None, b""),
    ("key-seeded", "conjugation", "MalformedError", [(48, b"\xff\x1f")], None, b""),
    ("key-seeded", "element 1", "MalformedError", [(48, b"\1")], None, b""),
    ("key-seeded", "element 5, no power of 3", "MalformedError", [(48, b"\5")], None, b""),
    ("key-seeded", "element 2N + 1", "MalformedError", [(48, b"\1\x20")], None, b""),
    ("key-seeded", "relinearisation as level 1", "MalformedError", [(52, b"\1")], None, b""),
    ("key-seeded", "level 2", "MalformedError", [(52, b"\2")], None, b""),
    ("key-seeded", "residue out of range", "ResidueRangeError", [(88, b"\xff" * 3)], None, b""),
    ("key-seeded", "other parameters", "ParameterMismatchError", [(47, b"\0")], None, b""),
    ("key-relinearization", "last byte missing", "TruncatedError", [], -1, b""),
    ("request", "other parameters", "ParameterMismatchError", [(48, b"\0\0")], None, b""),
    ("request", "inner length", "MalformedError", [(96, _u64(24671))], None, b""),
    ("request", "inner magic", "MalformedError", [(104, b"X")], None, b""),
    ("request", "inner cut short", "TruncatedError", [(112, _u64(24673))], None, b""),
    ("result", "signature", "MisbehavingServiceError", [(32, b"\0\0")], None, b""),
    ("result", "request digest", "MisbehavingServiceError", [(96, b"\0\0")], None, b""),
    ("result", "ciphertext exchanged", "MisbehavingServiceError", [(1000, b"\0\0")], None, b""),
    ("result", "reserved byte", "MalformedError", [(18, b"\1")], None, b""),
    ("result", "empty job id", "MalformedError", [(96 + 200, b"\0")], None, b""),
    ("result", "one byte more", "TrailingBytesError", [], None, b"\0"),
    ("program", "last byte missing", "TruncatedError", [], -1, b""),
    ("program", "structure not canonical", "MalformedError", [(48, b" ")], None, b""),
    ("program", "a vector more", "MalformedError", [(40, b"\3")], None, b""),
    ("program", "2^32 − 1 vectors", "MalformedError", [(40, b"\xff" * 4)], None, b""),
    ("program", "width of indices", "MalformedError", [(44, b"\2")], None, b""),
    ("program", "index beyond the table", "MalformedError", [(-1, b"\xff")], None, b""),
]


def generate() -> dict[str, Any]:
    """The content of wire.json."""
    values = np.arange(64, dtype=np.uint64) * np.uint64(0x1F3D5B79ACE) % np.uint64(1 << 43)
    made = messages()
    return {
        "origin": ORIGIN,
        "version": 1,
        "parameters": {
            "n": PARAMETERS.n,
            "primes": list(PARAMETERS.primes),
            "digest": PARAMETERS.digest.hex(),
        },
        "scale": SCALE,
        "packing": {
            "bits": 43,
            "values": [int(value) for value in values],
            "packed": pack_bits_numpy(values, 43).tobytes().hex(),
        },
        "uniform": [
            {
                "seed": digest_of("component 1").hex(),
                "prime": prime,
                "digit": digit,
                "prime_index": index,
                "first": [int(value) for value in residues[:4]],
                "sha256_of_u64": hashlib.sha256(residues.astype("<u8").tobytes()).hexdigest(),
            }
            for digit in (0, 1)
            for index, prime in enumerate(PARAMETERS.primes)
            for residues in [
                uniform_residues(
                    digest_of("component 1"), prime, PARAMETERS.n, digit=digit, prime_index=index
                )
            ]
        ],
        "keyset": {
            "parameters_digest": PARAMETERS.digest.hex(),
            "keys": {"0": digest_of("a").hex(), "3": digest_of("b").hex()},
            "digest": keyset_digest(
                PARAMETERS.digest, {0: digest_of("a"), 3: digest_of("b")}
            ).hex(),
        },
        "messages": {
            name: {
                "bytes": len(message),
                "sha256": hashlib.sha256(message).hexdigest(),
                "header": message[:size].hex() if size > 0 else message.hex(),
                "rest": rest,
            }
            for name, (message, size, rest) in made.items()
        },
        "faults": [
            {
                "message": message,
                "name": name,
                "failure": failure,
                "edits": [
                    _edit(offset % len(made[message][0]), replacement)
                    for offset, replacement in edits
                ],
                "keep": None if keep is None else keep % len(made[message][0]),
                "append": appended.hex(),
            }
            for message, name, failure, edits, keep, appended in FAULTS
        ],
    }


def _edit(offset: int, replacement: bytes) -> list[int | str]:
    """Offset, one byte or a few in hex, and how often they follow one another."""
    if len(replacement) > 8:  # rows of zeros
        return [offset, replacement[:1].hex(), len(replacement)]
    return [offset, replacement.hex(), 1]


def text() -> str:
    """wire.json as it is stored."""
    return json.dumps(generate(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
