"""Keys and encryption: SEAL's, with the mask exchanged for a seed's."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest
import tenseal.sealapi as seal

from safelight.ckks import seal_format
from safelight.ckks.ciphertext import Ciphertext, KeyRequirements
from safelight.ckks.modular import add_mod, multiply_mod, subtract_mod
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import RELINEARIZATION, SecretKeys
from safelight.ckks.uniform import uniform_polynomial
from safelight.errors import ProgramError

PARAMETERS = Parameters.from_bits(4096, [36, 33, 37])
SCALE = 2.0**26


@pytest.fixture(scope="module")
def keys() -> SecretKeys:
    return SecretKeys.generate(PARAMETERS)


def unseeded(keys: SecretKeys, values: np.ndarray) -> Ciphertext:
    """A ciphertext straight from SEAL, with SEAL's own mask."""
    encoder = seal.CKKSEncoder(keys._context)
    plain, ciphertext = seal.Plaintext(), seal.Ciphertext()
    encoder.encode(values.tolist(), SCALE, plain)
    keys._encryptor.encrypt_symmetric(plain, ciphertext)
    with seal_format.memory_file() as path:
        ciphertext.save(path)
        residues, scale = seal_format.read_ciphertext(Path(path).read_bytes())
    return Ciphertext(keys.parameters, residues, scale)


def test_the_secret_is_neither_printed_nor_pickled(keys: SecretKeys) -> None:
    secret = keys.unsafe_secret_residues()
    for text in (repr(keys), str(keys), f"{keys}"):
        assert "redacted" in text
        assert not any(str(word) in text for word in secret[0, :50])
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(keys)
    with pytest.raises(TypeError, match="cannot be pickled"):
        copy.deepcopy(keys)


def test_keys_differ_and_are_ternary_in_every_prime(keys: SecretKeys) -> None:
    other = SecretKeys.generate(PARAMETERS)
    assert other.epoch != keys.epoch
    assert len(keys.epoch) == 16
    assert (other.unsafe_secret_residues() != keys.unsafe_secret_residues()).any()
    assert keys.unsafe_secret_residues().shape == (3, 4096)
    for row, prime in zip(keys.unsafe_secret_residues(), PARAMETERS.primes, strict=True):
        assert int(row.max()) < prime


def test_decrypts_to_what_was_encrypted(keys: SecretKeys) -> None:
    values = np.random.default_rng(1).uniform(-100, 100, PARAMETERS.slots)
    for level in (1, 0):
        ciphertext = keys.encrypt(values / 16, scale=SCALE, level=level)
        assert ciphertext.level == level
        assert ciphertext.residues.shape == (2, level + 1, 4096)
        np.testing.assert_allclose(keys.decrypt(ciphertext), values / 16, atol=1e-3)
    short = keys.decrypt(keys.encrypt([1.0, 2.0], scale=SCALE))
    np.testing.assert_allclose(short[:3], [1, 2, 0], atol=1e-3)


def test_the_mask_is_that_of_the_seed_and_fresh_each_time(keys: SecretKeys) -> None:
    first, second = (keys.encrypt([1.0], scale=SCALE) for _ in range(2))
    assert first.seed is not None
    assert second.seed is not None
    assert first.seed != second.seed
    assert len(first.seed) == 32
    expected = uniform_polynomial(
        first.seed, PARAMETERS.primes[:2], 4096, digit=0, prime_indices=[0, 1]
    )
    assert (first.residues[1] == expected).all()
    assert (first.residues[0] != second.residues[0]).any()
    for ciphertext in (first, second):
        for component in ciphertext.residues:
            for row, prime in zip(component, PARAMETERS.primes, strict=False):
                assert int(row.max()) < prime


def test_noise_is_seals(keys: SecretKeys) -> None:
    # 20 ciphertexts of 2048 slots each: the ratio of two such deviations is within 2 % of one
    values = np.random.default_rng(2).uniform(-1, 1, PARAMETERS.slots)

    def deviation(make: object) -> float:
        return float(np.std([keys.decrypt(make()) - values for _ in range(20)]))  # type: ignore[operator]

    ours = deviation(lambda: keys.encrypt(values, scale=SCALE))
    theirs = deviation(lambda: unseeded(keys, values))
    assert theirs > 0
    assert 0.9 < ours / theirs < 1.1


def test_another_key_decrypts_nothing(keys: SecretKeys) -> None:
    ciphertext = keys.encrypt([1.0] * 100, scale=SCALE)
    wrong = SecretKeys.generate(PARAMETERS).decrypt(ciphertext)
    assert np.abs(wrong).max() > 1000


def test_trimmed_keys_are_encryptions_of_what_they_switch(keys: SecretKeys) -> None:
    """b + a·s = e + P·s'·[digit], with small e, under each prime of the trimmed chain."""
    secret = keys.unsafe_secret_residues()
    for level in (0, 1):
        indices = [*range(level + 1), 2]
        key = keys.evaluation_key(RELINEARIZATION, level)
        assert key.residues.shape == (level + 1, 2, level + 2, 4096)
        assert key.seed is not None
        for digit, (b, a) in enumerate(key.residues):
            primes = [PARAMETERS.primes[i] for i in indices]
            expected = uniform_polynomial(
                key.seed, primes, 4096, digit=digit, prime_indices=indices
            )
            assert (a == expected).all()
            errors = []
            for row, index in enumerate(indices):
                prime = PARAMETERS.primes[index]
                total = add_mod(b[row], multiply_mod(a[row], secret[index], prime), prime)
                if row == digit:
                    square = multiply_mod(secret[index], secret[index], prime)
                    special = np.full(4096, PARAMETERS.special_prime % prime, dtype=np.uint64)
                    total = subtract_mod(total, multiply_mod(square, special, prime), prime)
                errors.append(total)
            # what remains is small: decoded as a plaintext it is noise
            zero = np.stack([errors, np.zeros_like(errors)])
            decrypted = keys.decrypt(Ciphertext(PARAMETERS, zero[:, : level + 1], SCALE))
            # sigma 3.2 and 4096 coefficients, decoded at the scale
            assert np.abs(decrypted).max() < 3.2 * 6 * np.sqrt(4096) * 2 / SCALE


def test_exactly_the_required_keys_are_made(keys: SecretKeys) -> None:
    required = KeyRequirements(1, {3: 0, 9: 1})
    made = dict(keys.evaluation_keys(required))
    assert {element: key.level for element, key in made.items()} == {0: 1, 3: 0, 9: 1}
    assert len({key.seed for key in made.values()}) == 3
    assert list(keys.evaluation_keys(KeyRequirements(None, {}))) == []


def test_requirements_unite() -> None:
    one, other = KeyRequirements(None, {9: 2, 3: 1}), KeyRequirements(1, {3: 4})
    assert one.union(other) == other.union(one) == KeyRequirements(1, {3: 4, 9: 2})
    assert one.union(one).relinearization_level is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_only_finite_values_are_encrypted(keys: SecretKeys, value: float) -> None:
    with pytest.raises(ProgramError, match="not a finite number"):
        keys.encrypt([0.0, value], scale=SCALE)


def test_what_does_not_fit_is_refused(keys: SecretKeys) -> None:
    with pytest.raises(ProgramError, match="2049 values do not fit 2048"):
        keys.encrypt(np.zeros(2049), scale=SCALE)
    with pytest.raises(ProgramError, match="too large"):
        keys.encrypt([1e30], scale=SCALE)
    with pytest.raises(ProgramError, match="too large"):
        keys.encrypt([1.0], scale=2.0**80)
    for level in (-1, 2):
        with pytest.raises(ProgramError, match=f"level {level}"):
            keys.encrypt([1.0], scale=SCALE, level=level)


def test_errors_do_not_show_values(keys: SecretKeys) -> None:
    with pytest.raises(ProgramError) as caught:
        keys.encrypt([123456789.125e30], scale=SCALE)
    assert "1234" not in str(caught.value) + caught.value.hint


def test_ciphertexts_of_other_parameters_are_refused(keys: SecretKeys) -> None:
    other = SecretKeys.generate(Parameters.from_bits(4096, [30, 30, 31]))
    with pytest.raises(ProgramError, match="other parameters"):
        keys.decrypt(other.encrypt([1.0], scale=2.0**20))


def test_reprs_have_shapes_only(keys: SecretKeys) -> None:
    ciphertext = keys.encrypt([1.0], scale=SCALE)
    assert repr(ciphertext) == "Ciphertext(components=2, level=1, n=4096, scale=2^26.00)"
    assert repr(keys.evaluation_key(3, 0)) == "KeySwitchKey(level=0, n=4096)"
