"""A ciphertext as one message; fresh ones carry a seed instead of their uniform component.

Layout: a header of 64 bytes, the seed if there is one, then the polynomials that follow,
packed (`safelight.wire.packing`).
"""

from __future__ import annotations

import math
import struct

import numpy as np

from safelight.ckks.ciphertext import SEED_BYTES, Ciphertext, UInt64Array
from safelight.ckks.parameters import Parameters
from safelight.ckks.uniform import uniform_polynomial
from safelight.errors import MalformedError, ParameterMismatchError
from safelight.wire.frame import (
    FLAG_SEEDED,
    PROLOGUE,
    Buffer,
    Kind,
    check_announced,
    decode_whole,
    encode_prologue,
)
from safelight.wire.packing import (
    check_residue_array,
    pack_residues,
    packed_bytes,
    unpack_residues,
)

# parameters' digest, components, level, reserved, scale
_FIELDS = struct.Struct("<32sBB6sd")
_RESERVED = bytes(6)
HEADER_BYTES = PROLOGUE.size + _FIELDS.size


def ciphertext_message_length(
    parameters: Parameters, level: int, *, components: int = 2, seeded: bool = False
) -> int:
    """Bytes of a message, known before it is sent."""
    sent = components - seeded
    body = sent * packed_bytes(parameters.primes[: level + 1], parameters.n)
    return HEADER_BYTES + seeded * SEED_BYTES + body


def encode_ciphertext(ct: Ciphertext) -> bytes:
    """The message of a ciphertext, seeded if it has a seed.

    Raises:
        MalformedError: Not a ciphertext of its parameters, or a transparent one.
        ResidueRangeError: A residue at or above its modulus.
    """
    parameters, residues, seeded = ct.parameters, ct.residues, ct.seed is not None
    if residues.ndim != 3:
        raise MalformedError(f"residues with {residues.ndim} axes, not 3")
    components, level = residues.shape[0], residues.shape[1] - 1
    _check_header(parameters, components, level, float(ct.scale), seeded)
    check_residue_array(residues, (components, level + 1, parameters.n))
    if ct.seed is not None and len(ct.seed) != SEED_BYTES:
        raise MalformedError(f"a seed of {len(ct.seed)} bytes, not {SEED_BYTES}")
    _refuse_transparent(residues)
    length = ciphertext_message_length(parameters, level, components=components, seeded=seeded)
    packed = pack_residues(residues[: components - seeded], parameters.primes[: level + 1])
    return b"".join(
        [
            encode_prologue(Kind.CIPHERTEXT, length, FLAG_SEEDED if seeded else 0),
            _FIELDS.pack(parameters.digest, components, level, _RESERVED, float(ct.scale)),
            ct.seed or b"",
            packed.tobytes(),
        ]
    )


def decode_ciphertext(
    data: Buffer, parameters: Parameters, *, level: int, scale: float, components: int = 2
) -> Ciphertext:
    """Reads a ciphertext that is exactly what the program or the signature expects.

    Args:
        data: One whole message.
        parameters: For which it must have been made.
        level: Level that it must have.
        scale: Scale that it must have, to the last bit.
        components: Components that it must have, 2 or 3.

    Raises:
        ParameterMismatchError: Made for other parameters.
        MalformedError: Another level, scale or number of components, or a transparent ciphertext.
        ResidueRangeError: A residue at or above its modulus.
        WireError: Any other fault, as in `safelight.wire.frame`.
    """
    view = memoryview(data)
    flags = decode_whole(view, Kind.CIPHERTEXT, header_bytes=HEADER_BYTES, flags=FLAG_SEEDED)
    digest, found_components, found_level, reserved, found_scale = _FIELDS.unpack_from(
        view, PROLOGUE.size
    )
    if digest != parameters.digest:
        raise ParameterMismatchError("the ciphertext was made for other parameters")
    seeded = bool(flags & FLAG_SEEDED)
    if reserved != _RESERVED:
        raise MalformedError("reserved bytes are not zero")
    _check_header(parameters, found_components, found_level, found_scale, seeded)
    if (found_components, found_level) != (components, level):
        raise MalformedError(
            f"{found_components} components at level {found_level}, "
            f"expected {components} at level {level}"
        )
    if found_scale != scale:
        raise MalformedError(f"scale {found_scale!r}, expected {scale!r}")
    expected = ciphertext_message_length(parameters, level, components=components, seeded=seeded)
    check_announced(len(view), expected)

    primes = parameters.primes[: level + 1]
    body = HEADER_BYTES + seeded * SEED_BYTES
    residues = unpack_residues(view[body:], components - seeded, primes, parameters.n)
    seed = bytes(view[HEADER_BYTES:body]) if seeded else None
    if seed is not None:
        mask = uniform_polynomial(
            seed, primes, parameters.n, digit=0, prime_indices=range(level + 1)
        )
        residues = np.concatenate([residues, mask[None]])
    _refuse_transparent(residues)
    return Ciphertext(parameters, residues, found_scale, seed)


def ciphertext_parameters_digest(data: Buffer) -> bytes:
    """Parameters' digest in the header of a whole message of which nothing else is checked."""
    decode_whole(data, Kind.CIPHERTEXT, header_bytes=HEADER_BYTES, flags=FLAG_SEEDED)
    return bytes(data[PROLOGUE.size : PROLOGUE.size + 32])


def _check_header(
    parameters: Parameters, components: int, level: int, scale: float, seeded: bool
) -> None:
    if components not in (2, 3):
        raise MalformedError(f"{components} components, not 2 or 3")
    if seeded and components != 2:
        raise MalformedError(f"a seeded ciphertext with {components} components, not 2")
    if not 0 <= level <= parameters.max_level:
        raise MalformedError(f"level {level}, not 0 to {parameters.max_level}")
    if not (math.isfinite(scale) and scale > 0.0):
        raise MalformedError("the scale is not a positive finite number")


def _refuse_transparent(residues: UInt64Array) -> None:
    """Refuses what anyone can read: no secret is needed where c1 (and c2) vanish at some prime."""
    hidden = residues[1:].any(axis=(0, 2))
    if not hidden.all():
        raise MalformedError("a transparent ciphertext: it hides nothing")
