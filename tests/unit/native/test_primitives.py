"""Every primitive against Microsoft SEAL, bit for bit, on every arithmetic path."""

from __future__ import annotations

import numpy as np
import pytest
import tenseal.sealapi as seal
from paths import PATHS
from seal_oracle import SealOracle, oracle

from safelight import _native
from safelight.ckks.ciphertext import UInt64Array
from safelight.ckks.parameters import Parameters

# 47 bits and more take the transforms' other branch; 30 beside 50 bits stresses the lifts
SETTINGS = [
    (8192, (45, 40, 40, 45)),
    (8192, (50, 50, 50, 50)),
    (16384, (46, 40, 30, 50)),
    (32768, (47, 47, 47, 47)),
]
STEPS = (1, 77)
KINDS = ("random", "largest", "zero")

Setting = tuple[int, tuple[int, ...]]


def elements(n: int) -> tuple[int, ...]:
    return tuple(pow(3, step, 2 * n) for step in STEPS)


def residues(parameters: Parameters, level: int, kind: str, seed: int) -> UInt64Array:
    """Two components of random or extreme residues.

    SEAL refuses results whose second component is zero, so that one mixes both extremes.
    """
    rng = np.random.default_rng(seed)
    out = np.zeros((2, level + 1, parameters.n), dtype=np.uint64)
    for i, prime in enumerate(parameters.primes[: level + 1]):
        if kind == "random":
            out[:, i] = rng.integers(0, prime, (2, parameters.n), dtype=np.uint64)
        else:
            out[0, i] = prime - 1 if kind == "largest" else 0
            out[1, i] = rng.choice(np.array([0, prime - 1], dtype=np.uint64), parameters.n)
    return out


class Pair:
    """The same inputs and keys on both sides."""

    def __init__(self, setting: Setting, path: str) -> None:
        n, bits = setting
        self.seal: SealOracle = oracle(n, bits, elements(n))
        self.parameters = self.seal.parameters
        self.context = _native.Context(n, list(self.parameters.primes), path)
        self.keys = _native.Keys(self.context)
        level = self.parameters.max_level
        key = _native.Key(self.context, 1, level, self.seal.relinearization())
        self.keys.set_relinearization(key)
        for element in elements(n):
            key = _native.Key(self.context, element, level, self.seal.galois(element))
            self.keys.add_galois(key)

    def inputs(self, level: int, kind: str) -> tuple[tuple[object, object], tuple[object, object]]:
        rows = [residues(self.parameters, level, kind, seed) for seed in (1, 2)]
        theirs = [self.seal.ciphertext(r, 2.0**20) for r in rows]
        ours = [self.context.load(r) for r in rows]
        return (ours[0], theirs[0]), (ours[1], theirs[1])

    def same(self, ours: object, theirs: object) -> None:
        np.testing.assert_array_equal(ours.export(), self.seal.residues(theirs))  # type: ignore[attr-defined]


@pytest.fixture(scope="module", params=SETTINGS, ids=str)
def setting(request: pytest.FixtureRequest) -> Setting:
    return request.param


@pytest.fixture(scope="module", params=PATHS)
def pair(request: pytest.FixtureRequest, setting: Setting) -> Pair:
    return Pair(setting, request.param)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[0, 1], ids=["top", "below-top"])
def level(request: pytest.FixtureRequest, pair: Pair) -> int:
    return pair.parameters.max_level - request.param


def test_transform_and_back(pair: Pair, kind: str) -> None:
    for index, prime in enumerate(pair.parameters.primes):
        rng = np.random.default_rng(index)
        row = {
            "random": rng.integers(0, prime, pair.parameters.n, dtype=np.uint64),
            "largest": np.full(pair.parameters.n, prime - 1, dtype=np.uint64),
            "zero": np.zeros(pair.parameters.n, dtype=np.uint64),
        }[kind]
        image = pair.context.transform(row, index)
        assert int(image.max()) < prime
        np.testing.assert_array_equal(pair.context.transform(image, index, inverse=True), row)


def test_transform_is_seals(pair: Pair) -> None:
    """X transforms to the powers of the minimal primitive root, in bit-reversed order."""
    n, prime = pair.parameters.n, pair.parameters.primes[0]
    x = np.zeros(n, dtype=np.uint64)
    x[1] = 1
    image = pair.context.transform(x, 0)
    root = int(image[0])
    assert pow(root, n, prime) == prime - 1
    assert root == min(int(value) for value in image)
    bits = n.bit_length() - 1
    for position in (1, 2, 3, n // 2, n - 1):
        exponent = 2 * int(f"{position:0{bits}b}"[::-1], 2) + 1
        assert int(image[position]) == pow(root, exponent, prime)


def test_add(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), (b, seal_b) = pair.inputs(level, kind)
    out = seal.Ciphertext()
    pair.seal.evaluator.add(seal_a, seal_b, out)
    pair.same(_native.add(a, b), out)


def test_multiply_relinearize_rescale(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), (b, seal_b) = pair.inputs(level, kind)
    out = seal.Ciphertext()
    pair.seal.evaluator.multiply(seal_a, seal_b, out)
    pair.seal.evaluator.relinearize_inplace(out, pair.seal.relin_keys)
    pair.same(_native.multiply(a, b, pair.keys, "seal"), out)
    pair.seal.evaluator.rescale_to_next_inplace(out)
    pair.same(_native.multiply(a, b, pair.keys, "seal", rescaled=True), out)


def test_square(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), _ = pair.inputs(level, kind)
    out = seal.Ciphertext()
    pair.seal.evaluator.square(seal_a, out)
    pair.seal.evaluator.relinearize_inplace(out, pair.seal.relin_keys)
    pair.same(_native.multiply(a, a, pair.keys, "seal"), out)


def test_rescale(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), _ = pair.inputs(level, kind)
    out = seal.Ciphertext()
    pair.seal.evaluator.rescale_to_next(seal_a, out)
    pair.same(_native.rescale(a), out)


def test_modulus_switch(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), _ = pair.inputs(level, kind)
    out = seal.Ciphertext()
    pair.seal.evaluator.mod_switch_to_next(seal_a, out)
    pair.same(_native.drop_level(a, level - 1), out)


def test_rotation(pair: Pair, level: int, kind: str) -> None:
    (a, seal_a), _ = pair.inputs(level, kind)
    for element in elements(pair.parameters.n):
        out = seal.Ciphertext()
        pair.seal.evaluator.apply_galois(seal_a, element, pair.seal.galois_keys, out)
        pair.same(_native.rotate(a, element, pair.keys, "seal"), out)


def test_multiply_plain(pair: Pair, level: int, kind: str) -> None:
    (a, _), _ = pair.inputs(level, kind)
    n, primes = pair.parameters.n, pair.parameters.primes
    rng = np.random.default_rng(3)
    coefficients = rng.integers(-(2**19), 2**19, n).astype(np.float64)
    out = _native.multiply_plain(a, _native.encode_operand(pair.context, coefficients, level))
    shifted = _native.add_plain(a, _native.encode_plain(pair.context, coefficients, level))
    ours, sums = out.export(), shifted.export()
    rows = residues(pair.parameters, level, kind, 1)
    for i, prime in enumerate(primes[: level + 1]):
        reduced = np.mod(coefficients, prime).astype(np.uint64)
        image = pair.context.transform(reduced, i).astype(object)
        for c in range(2):
            np.testing.assert_array_equal(ours[c, i], rows[c, i].astype(object) * image % prime)
        np.testing.assert_array_equal(sums[0, i], (rows[0, i].astype(object) + image) % prime)
        np.testing.assert_array_equal(sums[1, i], rows[1, i])


def test_hoisted_rotations_are_the_same_as_single_ones(pair: Pair, level: int, kind: str) -> None:
    (a, _), _ = pair.inputs(level, kind)
    chosen = elements(pair.parameters.n)
    hoisted = _native.rotate_hoisted(a, list(chosen), pair.keys)
    for element, together in zip(chosen, hoisted, strict=True):
        alone = _native.rotate(a, element, pair.keys)
        np.testing.assert_array_equal(together.export(), alone.export())


@pytest.mark.parametrize("magnitude", [2.0**30, 2.0**62, 2.0**90, 2.0**200])
def test_constants_of_any_size_are_encoded_exactly(pair: Pair, magnitude: float) -> None:
    n, prime = pair.parameters.n, pair.parameters.primes[1]
    rng = np.random.default_rng(4)
    coefficients = np.rint(rng.uniform(-magnitude, magnitude, n))
    zero = pair.context.load(np.zeros((2, 2, n), dtype=np.uint64))
    image = _native.add_plain(zero, _native.encode_plain(pair.context, coefficients, 1))
    expected = np.array([int(c) % prime for c in coefficients], dtype=np.uint64)
    back = pair.context.transform(image.export()[0, 1], 1, inverse=True)
    np.testing.assert_array_equal(back, expected)
