"""Evaluation keys, one message a key-switching key, and a reader for many in a row.

Layout: a header of 56 bytes, the seed if there is one, then for each digit its b and, unseeded,
its a, packed (`safelight.wire.packing`).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from safelight.ckks.ciphertext import SEED_BYTES, KeySwitchKey, UInt64Array
from safelight.ckks.parameters import MAX_LOG2_QP, Parameters
from safelight.ckks.uniform import uniform_polynomial
from safelight.errors import MalformedError, ParameterMismatchError
from safelight.wire.frame import (
    FLAG_SEEDED,
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    check_digest,
    decode_prologue,
    decode_whole,
    encode_prologue,
)
from safelight.wire.packing import (
    check_residue_array,
    pack_residues,
    packed_bytes,
    unpack_residues,
)

RELINEARIZATION = 0  # the element that stands for s² → s

# parameters' digest, element, level, reserved
_FIELDS = struct.Struct("<32sIB3s")
_RESERVED = bytes(3)
HEADER_BYTES = PROLOGUE.size + _FIELDS.size

_KEYSET_DOMAIN = b"safelight keyset v1\0"
_MAX_ELEMENT = 2 * max(MAX_LOG2_QP)


class KeyHeader(NamedTuple):
    """What the header of a key message says."""

    element: int
    level: int
    seeded: bool


def key_message_length(parameters: Parameters, level: int, seeded: bool) -> int:
    """Bytes of a key message, known before it is sent.

    Raises:
        MalformedError: No such level.
    """
    if not 0 <= level <= parameters.max_level:
        raise MalformedError(f"a key of level {level}, not 0 to {parameters.max_level}")
    size = packed_bytes(_key_primes(parameters, level), parameters.n)
    polynomials = (level + 1) * (1 if seeded else 2)
    return HEADER_BYTES + seeded * SEED_BYTES + polynomials * size


def encode_key(element: int, key: KeySwitchKey) -> bytes:
    """The message of a key, seeded if it has a seed.

    Args:
        element: Galois element, or 0 for the relinearisation key.
        key: The key.

    Raises:
        MalformedError: Not a key of its parameters, an element that no rotation has, or a key
            with a vanishing mask, which would give the secret away.
        ResidueRangeError: A residue at or above its modulus.
    """
    parameters, level, seed = key.parameters, key.level, key.seed
    length = key_message_length(parameters, level, seed is not None)
    check_element(element, parameters)
    check_residue_array(key.residues, (level + 1, 2, level + 2, parameters.n))
    if seed is not None and len(seed) != SEED_BYTES:
        raise MalformedError(f"a seed of {len(seed)} bytes, not {SEED_BYTES}")
    _refuse_vanishing_mask(key.residues)
    sent = key.residues[:, : 1 if seed is not None else 2]
    packed = pack_residues(
        sent.reshape(-1, level + 2, parameters.n), _key_primes(parameters, level)
    )
    return b"".join(
        [
            encode_prologue(Kind.KEY, length, FLAG_SEEDED if seed is not None else 0),
            _FIELDS.pack(parameters.digest, element, level, _RESERVED),
            seed or b"",
            packed.tobytes(),
        ]
    )


def decode_key(data: Buffer, parameters: Parameters) -> tuple[int, KeySwitchKey]:
    """Element and key of one whole message.

    Raises:
        ParameterMismatchError: Made for other parameters.
        MalformedError: An element that no rotation has, a level that does not exist, a length
            that does not follow from them, a vanishing mask.
        ResidueRangeError: A residue at or above its modulus.
        WireError: Any other fault, as in `safelight.wire.frame`.
    """
    view = memoryview(data)
    decode_whole(view, Kind.KEY, header_bytes=HEADER_BYTES, flags=FLAG_SEEDED)
    (element, level, seeded), length = checked_key_header(view, parameters)
    check_announced(len(view), length)

    n, digits, primes = parameters.n, level + 1, _key_primes(parameters, level)
    body = HEADER_BYTES + seeded * SEED_BYTES
    polynomials = digits * (1 if seeded else 2)
    sent = unpack_residues(view[body:], polynomials, primes, n)
    seed = bytes(view[HEADER_BYTES:body]) if seeded else None
    if seed is None:
        residues = sent.reshape(digits, 2, level + 2, n)
    else:
        # indices are those of the full parameters, so that trimming a key changes no row
        indices = [*range(level + 1), len(parameters.primes) - 1]
        residues = np.empty((digits, 2, level + 2, n), dtype=np.uint64)
        residues[:, 0] = sent
        for digit in range(digits):
            residues[digit, 1] = uniform_polynomial(
                seed, primes, n, digit=digit, prime_indices=indices
            )
    _refuse_vanishing_mask(residues)
    return element, KeySwitchKey(parameters, level, residues, seed)


def peek_key_header(data: Buffer) -> KeyHeader:
    """Element, level and form of a key of which only the header need be there.

    Raises:
        WireError: Not the header of a key; that it fits some parameters is not checked.
    """
    flags, _ = decode_prologue(data, Kind.KEY, header_bytes=HEADER_BYTES, flags=FLAG_SEEDED)
    _, element, level, reserved = _FIELDS.unpack_from(data, PROLOGUE.size)
    if reserved != _RESERVED:
        raise MalformedError("reserved bytes are not zero")
    if element and (element == 1 or element % 8 not in (1, 3) or element >= _MAX_ELEMENT):
        raise MalformedError(f"element {element} is no power of 3: no rotation has it")
    return KeyHeader(element, level, bool(flags & FLAG_SEEDED))


def checked_key_header(data: Buffer, parameters: Parameters) -> tuple[KeyHeader, int]:
    """Header and message length of a key, both checked against ``parameters``.

    Raises:
        WireError: As `decode_key`.
    """
    header = peek_key_header(data)
    _, announced = decode_prologue(data, Kind.KEY, header_bytes=HEADER_BYTES, flags=FLAG_SEEDED)
    if data[PROLOGUE.size : PROLOGUE.size + 32] != parameters.digest:
        raise ParameterMismatchError("the key was made for other parameters")
    check_element(header.element, parameters)
    check_announced(announced, key_message_length(parameters, header.level, header.seeded))
    return header, announced


def check_element(element: int, parameters: Parameters) -> None:
    """Refuses what is neither 0 nor the Galois element of a rotation.

    The powers of 3 modulo 2N are exactly the residues that are 1 or 3 modulo 8: 3² = 9 ≡ 1 (mod
    8), and 3 has the order N/2, half the odd residues. So −1, the conjugation, is refused.
    """
    if element == RELINEARIZATION:
        return
    if not 1 < element < 2 * parameters.n or element % 8 not in (1, 3):
        raise MalformedError(
            f"element {element} is no power of 3 modulo {2 * parameters.n} other than 1"
        )


def keyset_digest(parameters_digest: bytes, key_digests: Mapping[int, bytes]) -> bytes:
    """SHA-256 that names a set of keys.

    Args:
        parameters_digest: Digest of their parameters.
        key_digests: SHA-256 of the key message of each element.
    """
    check_digest(parameters_digest, "parameters")
    digest = hashlib.sha256(_KEYSET_DOMAIN + parameters_digest)
    for element in sorted(key_digests):
        check_digest(key_digests[element], "key")
        digest.update(struct.pack("<I", element) + key_digests[element])
    return digest.digest()


def _key_primes(parameters: Parameters, level: int) -> tuple[int, ...]:
    return (*parameters.primes[: level + 1], parameters.special_prime)


def _refuse_vanishing_mask(residues: UInt64Array) -> None:
    if not residues[:, 1].any(axis=-1).all():
        raise MalformedError("a key whose mask vanishes: it would show the secret")
