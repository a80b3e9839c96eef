"""The secret key, and the only code in Safelight that can decrypt.

Key generation, encoding, encryption and decryption are Microsoft SEAL's, through TenSEAL's
low-level module. Nothing under ``service`` or ``engine`` may import this file; a contract in
pyproject.toml checks it.

What is ours is the seeded form (docs/adr/0003-seeded-objects.md): SEAL's fresh pair (b, a) with
``b = −(a·s + e) + m`` becomes (b′, a′) with a′ expanded from a public seed and
``b′ = b + (a − a′)·s``. Error and message stay SEAL's; a′ is as uniform as a was.
"""

from __future__ import annotations

import functools
import os
import secrets
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
import tenseal.sealapi as seal
from numpy.typing import ArrayLike, NDArray

from safelight.ckks import seal_format
from safelight.ckks.ciphertext import (
    SEED_BYTES,
    Ciphertext,
    KeyRequirements,
    KeySwitchKey,
    UInt64Array,
)
from safelight.ckks.modular import add_mod, multiply_mod, subtract_mod
from safelight.ckks.parameters import Parameters
from safelight.ckks.uniform import uniform_polynomial
from safelight.errors import ParameterError, ProgramError

RELINEARIZATION = 0  # stands for the relinearisation key where Galois elements are listed


@functools.lru_cache(maxsize=32)
def _context(n: int, primes: tuple[int, ...]) -> Any:
    """A SEAL context with SEAL's own security check on as well."""
    encryption = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
    encryption.set_poly_modulus_degree(n)
    encryption.set_coeff_modulus([seal.Modulus(prime) for prime in primes])
    context = seal.SEALContext(encryption, True, seal.SEC_LEVEL_TYPE.TC128)
    if not context.parameters_set():
        raise ParameterError(f"SEAL refuses the parameters: {context.parameters_error_message()}")
    return context


class SecretKeys:
    """A clinic's secret key for one set of parameters, with what it can do.

    **Security**: never leaves the clinic; cannot be pickled or printed. `save` writes it under a
    passphrase only.

    Args:
        parameters: What the key is for.
        residues: The secret polynomial, uint64 ``[primes, N]`` in NTT form.
        epoch: 16 random bytes that name this key to people and services; not secret.
    """

    def __init__(self, parameters: Parameters, residues: UInt64Array, epoch: bytes) -> None:
        self.parameters = parameters
        self.epoch = epoch
        self._residues = residues
        self._context = _context(parameters.n, parameters.primes)
        self._key = self._seal_key(parameters, self._context)
        self._encoder = seal.CKKSEncoder(self._context)
        self._encryptor = seal.Encryptor(self._context, self._key)
        self._decryptor = seal.Decryptor(self._context, self._key)

    @classmethod
    def generate(cls, parameters: Parameters) -> SecretKeys:
        """A fresh key from SEAL's generator."""
        generator = seal.KeyGenerator(_context(parameters.n, parameters.primes))
        words = seal_format.read_plaintext(seal_format.saved(generator.secret_key()))
        residues = words.reshape(len(parameters.primes), parameters.n)
        return cls(parameters, residues, secrets.token_bytes(16))

    def __repr__(self) -> str:
        return f"SecretKeys({self.parameters}, epoch={self.epoch.hex()}, secret=<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret key cannot be pickled; use safelight.ckks.key_file")

    def unsafe_secret_residues(self) -> UInt64Array:
        """The secret itself, for the encrypted key file and for tests that search for leaks."""
        return self._residues

    def encrypt(self, values: ArrayLike, *, scale: float, level: int | None = None) -> Ciphertext:
        """A fresh seeded encryption of ``values``.

        Args:
            values: Up to N/2 finite numbers; the other slots are zero.
            scale: Encoding scale.
            level: Level of the ciphertext; the highest if None.

        Raises:
            ProgramError: Too many values, a value too large for scale and level, or no such level.
        """
        parameters = self.parameters
        level = parameters.max_level if level is None else level
        if not 0 <= level <= parameters.max_level:
            raise ProgramError(f"level {level} is not one of 0 to {parameters.max_level}")
        primes = parameters.primes[: level + 1]
        slots = np.zeros(parameters.slots)
        flat = np.asarray(values, dtype=np.float64).ravel()
        if flat.size > slots.size:
            raise ProgramError(f"{flat.size} values do not fit {slots.size} slots")
        if not np.isfinite(flat).all():
            raise ProgramError("a value to encrypt is not a finite number")
        slots[: flat.size] = flat
        plain = seal.Plaintext()
        level_id = np.frombuffer(seal_format.parms_id(parameters, level + 1), "<u8").tolist()
        try:
            self._encoder.encode(slots.tolist(), level_id, scale, plain)
        except (ValueError, RuntimeError) as exc:
            raise ProgramError("the values are too large for the scale and level") from exc
        ciphertext = seal.Ciphertext()
        self._encryptor.encrypt_symmetric(plain, ciphertext)
        (b, a), _ = seal_format.read_ciphertext(seal_format.saved(ciphertext))
        seed = os.urandom(SEED_BYTES)
        mask = uniform_polynomial(
            seed, primes, parameters.n, digit=0, prime_indices=range(len(primes))
        )
        b = self._exchange_mask(b, a, mask, range(len(primes)))
        return Ciphertext(parameters, np.stack([b, mask]), scale, seed)

    def decrypt(self, ciphertext: Ciphertext) -> NDArray[np.float64]:
        """All N/2 slots of a ciphertext, as exact as they come.

        **Security**: never hand these floats to anyone else: with them an attacker recovers the
        key (CKKS is not IND-CPA-D). What is shared is rounded by `safelight.client`.
        """
        if ciphertext.parameters != self.parameters:
            raise ProgramError("the ciphertext was made for other parameters than this key")
        level_id = seal_format.parms_id(self.parameters, ciphertext.level + 1)
        data = seal_format.write_ciphertext(ciphertext.residues, level_id, ciphertext.scale)
        plain = seal.Plaintext()
        self._decryptor.decrypt(seal_format.loaded(seal.Ciphertext(), self._context, data), plain)
        return np.asarray(self._encoder.decode_double(plain), dtype=np.float64)

    def evaluation_key(self, element: int, level: int) -> KeySwitchKey:
        """The seeded key-switching key for one Galois element, or for s² (`RELINEARIZATION`).

        It is made under the primes q_0 … q_level and P alone, so that it is no longer than its
        use needs.
        """
        parameters = self.parameters
        indices = (*range(level + 1), len(parameters.primes) - 1)
        primes = tuple(parameters.primes[i] for i in indices)
        trimmed = Parameters(parameters.n, primes)
        context = _context(trimmed.n, trimmed.primes)
        generator = seal.KeyGenerator(context, self._seal_key(trimmed, context, indices))
        if element == RELINEARIZATION:
            keys, index = seal.RelinKeys(), 0
            generator.create_relin_keys(keys)
        else:
            keys, index = seal.GaloisKeys(), (element - 1) // 2
            generator.create_galois_keys([element], keys)
        residues = seal_format.read_key(seal_format.saved(keys), index)
        seed = os.urandom(SEED_BYTES)
        for digit, (b, a) in enumerate(residues):
            mask = uniform_polynomial(
                seed, primes, parameters.n, digit=digit, prime_indices=indices
            )
            residues[digit, 0] = self._exchange_mask(b, a, mask, indices)
            residues[digit, 1] = mask
        return KeySwitchKey(parameters, level, residues, seed)

    def evaluation_keys(self, requirements: KeyRequirements) -> Iterator[tuple[int, KeySwitchKey]]:
        """Every required key, one at a time: (Galois element or `RELINEARIZATION`, key)."""
        if requirements.relinearization_level is not None:
            level = requirements.relinearization_level
            yield RELINEARIZATION, self.evaluation_key(RELINEARIZATION, level)
        for element, level in requirements.galois_levels.items():
            yield element, self.evaluation_key(element, level)

    def _exchange_mask(
        self, b: UInt64Array, a: UInt64Array, mask: UInt64Array, indices: Any
    ) -> UInt64Array:
        """``b + (a − mask)·s``, row by row."""
        rows = []
        for row, index in enumerate(indices):
            prime = self.parameters.primes[index]
            change = subtract_mod(a[row], mask[row], prime)
            change = multiply_mod(change, self._residues[index], prime)
            rows.append(add_mod(b[row], change, prime))
        return np.stack(rows)

    def _seal_key(
        self, parameters: Parameters, context: Any, indices: tuple[int, ...] | None = None
    ) -> Any:
        rows = self._residues if indices is None else self._residues[list(indices)]
        data = seal_format.write_plaintext(rows, seal_format.parms_id(parameters), 1.0)
        return seal_format.loaded(seal.SecretKey(), context, data)
