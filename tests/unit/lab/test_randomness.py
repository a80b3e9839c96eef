"""Statistics of byte streams, against the examples of SP 800-22 and against true noise."""

import math

import numpy as np
import pytest

from safelight.lab import randomness as r

# SP 800-22 rev. 1a, sections 2.1.8, 2.3.8, 2.13.8: the first 100 binary digits of π
PI_BITS = np.array(
    [
        int(bit)
        for bit in "11001001000011111101101010100010001000010110100011"
        "00001000110100110001001100011001100010100010111000"
    ],
    np.uint8,
)


def test_the_standards_own_examples() -> None:
    assert r._frequency(PI_BITS) == pytest.approx(0.109599, abs=1e-6)
    assert r._runs(PI_BITS) == pytest.approx(0.500798, abs=1e-6)
    assert r._cumulative_sums(PI_BITS) == pytest.approx(0.219194, abs=1e-6)


def test_noise_passes_and_order_fails() -> None:
    noise = np.random.default_rng(1).bytes(20_000)
    assert min(r.nist_p_values(noise).values()) > 0.001
    assert r.nist_p_values(b"\x0f" * 2000)["serial"] < 1e-6
    assert r.nist_p_values(b"\x01" * 2000)["frequency"] < 1e-6
    assert 7.98 < r.entropy_bits(noise) <= 8
    assert r.entropy_bits(b"ab" * 100) == pytest.approx(1)


def test_two_streams_of_noise_change_as_expected() -> None:
    rng = np.random.default_rng(2)
    pair = [rng.integers(0, 256, 200_000).astype(np.uint8) for _ in range(2)]
    assert r.npcr(*pair) == pytest.approx(r.EXPECTED_NPCR, abs=1e-3)
    assert r.uaci(*pair) == pytest.approx(r.EXPECTED_UACI, abs=2e-3)


def test_neighbours_and_repeats() -> None:
    ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    assert r.adjacent_correlation(ramp) > 0.99
    assert r.adjacent_correlation(np.zeros((8, 8), np.uint8)) == 1
    assert r.repeated_blocks(b"\0" * 160) == 1
    assert r.repeated_blocks(bytes(range(160))) == 0


def test_the_tail_of_chi_square() -> None:
    assert r._chi_square_tail(2 * math.log(2), 2) == pytest.approx(0.5)
    assert r._chi_square_tail(499.33, 500) == pytest.approx(0.5, abs=1e-3)
    assert r._chi_square_tail(23.209, 10) == pytest.approx(0.01, abs=1e-4)
