"""Our primitives beside Microsoft SEAL's, one thread, in the same process.

`safelight bench engine` prints it. Both sides take turns of a few calls, so that a change of the
machine's clock meets both and neither finds the cache full of the other's keys; what is reported
is the median of the processor time of the calling thread. SEAL's own figure includes the (single)
allocation of its result, as does ours.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tenseal.sealapi as seal

from safelight import _native
from safelight.ckks import seal_format
from safelight.ckks.parameters import Parameters

SETTINGS = (
    (8192, (45, 40, 40, 45)),
    (8192, (42, 43, 43, 43, 43)),
    (16384, (46,) * 8),
    (32768, (46,) * 16),
)
STEPS = (1, 2, 3, 5, 8, 13, 21, 34)


# calls of one side before the other's turn
_TURN = 5


def median_us(operations: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median microseconds of each operation, measured in turns of several calls."""
    times: list[list[float]] = [[] for _ in operations]
    for _ in range(-(-repeats // _TURN)):
        for operation, found in zip(operations, times, strict=True):
            operation()  # brings its own keys and tables back into the cache
            for _ in range(_TURN):
                start = time.thread_time_ns()
                operation()
                found.append((time.thread_time_ns() - start) / 1000)
    return [statistics.median(found) for found in times]


class Bench:
    """SEAL and the native engine with the same parameters, keys and ciphertext."""

    def __init__(self, n: int, bits: tuple[int, ...], simd: str) -> None:
        self.parameters = Parameters.from_bits(n, bits)
        encryption = seal.EncryptionParameters(seal.SCHEME_TYPE.CKKS)
        encryption.set_poly_modulus_degree(n)
        encryption.set_coeff_modulus([seal.Modulus(p) for p in self.parameters.primes])
        self.seal = seal.SEALContext(encryption, True, seal.SEC_LEVEL_TYPE.TC128)
        generator = seal.KeyGenerator(self.seal)
        self.evaluator = seal.Evaluator(self.seal)
        self.encoder = seal.CKKSEncoder(self.seal)
        encryptor = seal.Encryptor(self.seal, generator.secret_key())
        level = self.parameters.max_level
        self.context = _native.Context(n, list(self.parameters.primes), simd)
        self.keys = _native.Keys(self.context)
        self.relin = seal.RelinKeys()
        generator.create_relin_keys(self.relin)
        residues = seal_format.read_key(seal_format.saved(self.relin), 0)
        self.keys.set_relinearization(_native.Key(self.context, 1, level, residues))
        self.elements = [self.parameters.galois_element(step) for step in STEPS]
        self.galois: dict[int, Any] = {}
        for element in self.elements:
            galois = seal.GaloisKeys()
            generator.create_galois_keys([element], galois)
            self.galois[element] = galois
            residues = seal_format.read_key(seal_format.saved(galois), (element - 1) // 2)
            self.keys.add_galois(_native.Key(self.context, element, level, residues))
        self.plain = seal.Plaintext()
        values = np.random.default_rng(0).uniform(-1, 1, n // 2)
        self.encoder.encode(values.tolist(), 2.0**30, self.plain)
        self.ciphertext = seal.Ciphertext()
        encryptor.encrypt_symmetric(self.plain, self.ciphertext)
        self.value = self.context.load(
            seal_format.read_ciphertext(seal_format.saved(self.ciphertext))[0]
        )
        coefficients = np.rint(values.repeat(2) * 2.0**20)
        self.operand = _native.encode_operand(self.context, coefficients, level)

    def pairs(self) -> Iterator[tuple[str, Callable[[], object], Callable[[], object], int]]:
        """Name, ours, SEAL's, and how many operations one call of ours does."""
        ct, value, element = self.ciphertext, self.value, self.elements[0]
        out = seal.Ciphertext()

        def seal_product() -> None:
            self.evaluator.square(ct, out)
            self.evaluator.relinearize_inplace(out, self.relin)
            self.evaluator.rescale_to_next_inplace(out)

        def seal_rotation() -> None:
            self.evaluator.apply_galois(ct, element, self.galois[element], out)

        yield "rotation", lambda: _native.rotate(value, element, self.keys), seal_rotation, 1
        yield (
            f"hoisted rotation, {len(STEPS)} at once",
            lambda: _native.rotate_hoisted(value, self.elements, self.keys),
            seal_rotation,
            len(STEPS),
        )
        yield (
            "square + relinearize + rescale",
            lambda: _native.multiply(value, value, self.keys, rescaled=True),
            seal_product,
            1,
        )
        yield (
            "multiply by plaintext",
            lambda: _native.multiply_plain(value, self.operand),
            lambda: self.evaluator.multiply_plain(ct, self.plain, out),
            1,
        )
        plain = seal.Plaintext()
        count = len(self.parameters.data_primes)
        # SEAL's transforms alone: those of a plaintext out of NTT form are not bound, so that
        # of a whole ciphertext is taken
        yield (
            "NTT and back, one prime",
            lambda: self._transforms(),
            lambda: self._seal_transforms(out),
            2 * count,
        )
        del plain

    def _transforms(self) -> None:
        for prime in range(len(self.parameters.data_primes)):
            self.context.time_transform(prime, False, 1)
            self.context.time_transform(prime, True, 1)

    def _seal_transforms(self, out: Any) -> None:
        self.evaluator.transform_from_ntt(self.ciphertext, out)
        self.evaluator.transform_to_ntt_inplace(out)


def bench_engine(simd: str = "", repeats: int = 40) -> Iterator[dict[str, Any]]:
    """One row for each operation and setting.

    Args:
        simd: Arithmetic path; the best of the machine if empty.
        repeats: Runs of which the median is taken.
    """
    for n, bits in SETTINGS:
        bench = Bench(n, bits, simd)
        for name, ours, theirs, count in bench.pairs():
            ours_us, seal_us = median_us([ours, theirs], repeats)
            if name.startswith("NTT"):
                # a timed call does ten transforms; SEAL's transforms two components
                ours_us, seal_us = ours_us / (10 * count), seal_us / (2 * count)
            else:
                ours_us /= count
            yield {
                "operation": name,
                "n": n,
                "primes": list(bits),
                "simd": bench.context.simd,
                "ours_us": round(ours_us, 2),
                "seal_us": round(seal_us, 2),
                "ratio": round(seal_us / ours_us, 2),
            }
