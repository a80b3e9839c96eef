"""Why raw decrypted floats must not be shared: with two of them an onlooker computes the key.

CKKS is not IND-CPA-D. A ciphertext is (b, a) with b + a·s = m + e; the decrypted floats are the
embedding of m + e, noise included. Whoever gets floats as exact as they come encodes them again,
knows m + e exactly, and solves for s. Real parts alone give m + e plus its conjugate, which is
half of the equations: two ciphertexts give all.

The mitigation is to share coarse answers (`safelight.client` rounds probabilities to three
decimals): rounding is millions of times larger than the noise, and the equations no longer hold.

**Security**: everything here runs on a key made for the purpose.

**Source**: Li and Micciancio 2021, "On the security of homomorphic encryption on approximate
numbers", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight import _native
from safelight.ckks.ciphertext import UInt64Array
from safelight.ckks.modular import multiply_mod, subtract_mod
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.engine.native_encoding import encode_coefficients

FloatArray = NDArray[np.float64]
# small, so that it takes a moment; the attack does not depend on sizes
_PARAMETERS = (4096, (36, 36))
_SCALE = 2.0**24
DECIMALS = 3


@dataclass(frozen=True)
class KeyRecovery:
    """What the onlooker got.

    Args:
        from_raw_floats: Share of the secret key's coefficients computed right from raw floats.
        from_rounded: The same from answers rounded to three decimals: about 0, for wrong equations
            give numbers spread over the whole modulus.
    """

    from_raw_floats: float
    from_rounded: float


def recover_key(seed: int = 0) -> KeyRecovery:
    """Makes a key, shares two decrypted vectors, and tries to compute the key from them.

    Args:
        seed: Of the values; the key is fresh.
    """
    parameters = Parameters.from_bits(*_PARAMETERS)
    secret = SecretKeys.generate(parameters)
    rng = np.random.default_rng(seed)
    ciphertexts = [
        secret.encrypt(rng.uniform(-1, 1, parameters.slots), scale=_SCALE, level=0)
        for _ in range(2)
    ]
    shared = [secret.decrypt(ciphertext) for ciphertext in ciphertexts]
    residues = [ciphertext.residues[:, 0] for ciphertext in ciphertexts]
    truth = _coefficients(secret.unsafe_secret_residues()[0], parameters)

    def share(values: list[FloatArray]) -> float:
        found = _coefficients(_solved(values, residues, parameters), parameters)
        return float((found == truth).mean())

    return KeyRecovery(share(shared), share([np.round(values, DECIMALS) for values in shared]))


def _solved(
    values: list[FloatArray], residues: list[UInt64Array], parameters: Parameters
) -> UInt64Array:
    """The key's transformed residues from (b, a) and real parts: two equations a pair of places.

    In transformed order the conjugate of place i is place N - 1 - i.
    """
    prime = parameters.primes[0]
    (b0, a0), (b1, a1) = residues
    right = []
    for floats, b in zip(values, (b0, b1), strict=True):
        # twice the real part encodes to m + e plus its conjugate, whole numbers both
        exact = np.rint(encode_coefficients(2 * floats, parameters.n, _SCALE)).astype(np.int64)
        known = _transform(np.mod(exact, prime).astype(np.uint64), parameters)
        right.append(subtract_mod(subtract_mod(known, b, prime), b[::-1], prime))
    # a0 s + a0' s' = r0 and a1 s + a1' s' = r1: Cramer's rule modulo the prime
    determinant = _crossed(a0, a1[::-1], a0[::-1], a1, prime)
    above = _crossed(right[0], a1[::-1], right[1], a0[::-1], prime)
    inverse = np.array([pow(int(d), -1, prime) if d else 0 for d in determinant], np.uint64)
    return multiply_mod(above, inverse, prime)


def _crossed(
    a: UInt64Array, b: UInt64Array, c: UInt64Array, d: UInt64Array, prime: int
) -> UInt64Array:
    """``a·b - c·d``."""
    return subtract_mod(multiply_mod(a, b, prime), multiply_mod(c, d, prime), prime)


def _transform(
    residues: UInt64Array, parameters: Parameters, *, inverse: bool = False
) -> UInt64Array:
    context = _native.Context(parameters.n, list(parameters.primes), "")
    return np.asarray(context.transform(np.ascontiguousarray(residues), 0, inverse=inverse))


def _coefficients(transformed: UInt64Array, parameters: Parameters) -> NDArray[np.int64]:
    """Centred coefficients of transformed residues of the first prime."""
    prime = parameters.primes[0]
    signed = _transform(transformed, parameters, inverse=True).astype(np.int64)
    return np.where(signed > prime // 2, signed - prime, signed)
