"""Small messages of every kind, the same on every machine: for tests and for the vectors.

No secret is behind them: every residue is drawn from a public seed, so they decrypt to noise, which
is all that a byte format needs.
"""

from __future__ import annotations

import hashlib

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    MultiplyPlain,
    Program,
    Rescale,
    RotateAndSum,
)
from safelight.ckks.ciphertext import Ciphertext, KeySwitchKey
from safelight.ckks.parameters import Parameters
from safelight.ckks.uniform import uniform_polynomial
from safelight.wire.ciphertext import encode_ciphertext
from safelight.wire.request import InferenceRequest
from safelight.wire.result import ResultStatement

# The smallest ring; primes of 3 and 3.25 bytes, so that edits of whole residues are readable.
PARAMETERS = Parameters.from_bits(4096, (24, 24, 26))
OTHER_PARAMETERS = Parameters.from_bits(4096, (24, 25, 26))
SCALE = 2.0**20

# RFC 8032, section 7.1, test 1
SIGNING_KEY = Ed25519PrivateKey.from_private_bytes(
    bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
)


def digest_of(name: str) -> bytes:
    """SHA-256 of a name."""
    return hashlib.sha256(name.encode()).digest()


def ciphertext(*, seeded: bool = True, level: int = 1, components: int = 2) -> Ciphertext:
    """Component i is uniform from the seed SHA-256("component i")."""
    primes = PARAMETERS.primes[: level + 1]
    rows = [
        uniform_polynomial(
            digest_of(f"component {i}"),
            primes,
            PARAMETERS.n,
            digit=0,
            prime_indices=range(level + 1),
        )
        for i in range(components)
    ]
    seed = digest_of("component 1") if seeded else None
    return Ciphertext(PARAMETERS, np.stack(rows), SCALE, seed)


def key(*, seeded: bool = True, level: int = 1) -> KeySwitchKey:
    """b is uniform from SHA-256("key b"), a from SHA-256("key a")."""
    primes = (*PARAMETERS.primes[: level + 1], PARAMETERS.special_prime)
    indices = [*range(level + 1), len(PARAMETERS.primes) - 1]
    residues = np.stack(
        [
            [
                uniform_polynomial(
                    digest_of(name), primes, PARAMETERS.n, digit=digit, prime_indices=indices
                )
                for name in ("key b", "key a")
            ]
            for digit in range(level + 1)
        ]
    )
    return KeySwitchKey(PARAMETERS, level, residues, digest_of("key a") if seeded else None)


def program() -> Program:
    """Every kind of step, few distinct values, a negative zero."""
    slots = PARAMETERS.slots
    first, second = np.zeros(slots), np.zeros(slots)
    first[:4] = [0.5, -0.25, 0.1, -0.0]
    second[::2] = 1.0 / 3.0
    return Program(
        name="sample",
        parameters=PARAMETERS,
        input_scale=SCALE,
        input_level=1,
        steps=(
            LinearTransform(
                1,
                0,
                {0: first, 1: second, 3: first, slots - 1: second},
                {0: (0, 1), 2: (1,), slots - 2: (1,)},
                2.0**10,
                "conv1",
            ),
            RotateAndSum(2, 1, (4, -2), "pool"),
            Multiply(3, 2, 2, "square"),
            Add(4, 3, 3),
            MultiplyPlain(5, 4, second, 3.0, "ünïcode"),
            AddPlain(6, 5, first),
            Rescale(7, 6),
            DropLevel(8, 7, 0),
        ),
        output=8,
    )


def request() -> InferenceRequest:
    """A request with the seeded ciphertext."""
    message = encode_ciphertext(ciphertext())
    return InferenceRequest(digest_of("model"), PARAMETERS.digest, digest_of("nonce")[:16], message)


def result_ciphertext() -> bytes:
    """The message that results carry: level 0."""
    return encode_ciphertext(ciphertext(seeded=False, level=0))


def statement() -> ResultStatement:
    """About `result_ciphertext`."""
    return ResultStatement(
        request_digest=digest_of("request"),
        job_id="job-1_A",
        model_digest=digest_of("model"),
        program_digest=digest_of("program"),
        parameters_digest=PARAMETERS.digest,
        keys_digest=digest_of("keys"),
        result_digest=hashlib.sha256(result_ciphertext()).digest(),
        service_time=1_800_000_000,
    )
