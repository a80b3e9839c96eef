"""Microsoft SEAL's evaluator on plain arrays: what every native primitive is compared with."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from safelight.ckks import seal_format
from safelight.ckks.ciphertext import UInt64Array
from safelight.ckks.parameters import Parameters


class SealOracle:
    """SEAL's evaluator with one secret key and its evaluation keys.

    Args:
        parameters: Parameters of both sides.
        elements: Galois elements to make keys for.
    """

    def __init__(self, parameters: Parameters, elements: tuple[int, ...]) -> None:
        self.parameters = parameters
        encryption = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
        encryption.set_poly_modulus_degree(parameters.n)
        encryption.set_coeff_modulus([seal.Modulus(prime) for prime in parameters.primes])
        self.context = seal.SEALContext(encryption, True, seal.SEC_LEVEL_TYPE.NONE)
        self.generator = seal.KeyGenerator(self.context)
        self.secret = self.generator.secret_key()
        self.encryptor = seal.Encryptor(self.context, self.secret)
        self.decryptor = seal.Decryptor(self.context, self.secret)
        self.encoder = seal.CKKSEncoder(self.context)
        self.evaluator = seal.Evaluator(self.context)
        self.relin_keys = seal.RelinKeys()
        self.generator.create_relin_keys(self.relin_keys)
        self.galois_keys = seal.GaloisKeys()
        if elements:
            self.generator.create_galois_keys(list(elements), self.galois_keys)
        self.elements = elements

    def saved(self, obj: Any) -> bytes:
        with seal_format.memory_file() as path:
            obj.save(path)
            return Path(path).read_bytes()

    def relinearization(self) -> UInt64Array:
        """The relinearisation key ``[digits, 2, primes, N]``."""
        return seal_format.read_key(self.saved(self.relin_keys), 0)

    def galois(self, element: int) -> UInt64Array:
        """The key of one of ``elements``."""
        if len(self.elements) == 1:
            return seal_format.read_key(self.saved(self.galois_keys), (element - 1) // 2)
        return _key_among(self.saved(self.galois_keys), (element - 1) // 2)

    def ciphertext(self, residues: UInt64Array, scale: float) -> Any:
        """SEAL's object with these residues."""
        level_id = seal_format.parms_id(self.parameters, residues.shape[1])
        data = seal_format.write_ciphertext(residues, level_id, scale)
        ciphertext = seal.Ciphertext()
        with seal_format.memory_file() as path:
            Path(path).write_bytes(data)
            ciphertext.load(self.context, path)
        return ciphertext

    def residues(self, ciphertext: Any) -> UInt64Array:
        return seal_format.read_ciphertext(self.saved(ciphertext))[0]

    def encrypt(self, values: np.ndarray, scale: float, level: int) -> UInt64Array:
        plain, ciphertext = seal.Plaintext(), seal.Ciphertext()
        level_id = np.frombuffer(seal_format.parms_id(self.parameters, level + 1), "<u8").tolist()
        self.encoder.encode(values.tolist(), level_id, scale, plain)
        self.encryptor.encrypt_symmetric(plain, ciphertext)
        return self.residues(ciphertext)

    def decrypt(self, residues: UInt64Array, scale: float) -> np.ndarray:
        plain = seal.Plaintext()
        self.decryptor.decrypt(self.ciphertext(residues, scale), plain)
        return np.asarray(self.encoder.decode_double(plain))


def _key_among(data: bytes, index: int) -> UInt64Array:
    """Entry ``index`` of a file that holds several keys."""
    body = seal_format._body(data)
    position = 40
    for entry in range(index + 1):
        digits = int.from_bytes(body[position : position + 8], "little")
        position += 8
        parts = []
        for _ in range(digits):
            size = int.from_bytes(body[position + 8 : position + 16], "little")
            if entry == index:
                parts.append(seal_format.read_ciphertext(body[position : position + size])[0])
            position += size
    return np.stack(parts)


@lru_cache(maxsize=8)
def oracle(n: int, bits: tuple[int, ...], elements: tuple[int, ...] = ()) -> SealOracle:
    """One oracle for each setting, shared by the tests."""
    return SealOracle(Parameters.from_bits(n, bits), elements)
