"""Diagonals in their three forms give the same residues; the compact one takes less memory."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from paths import PATHS
from programs import Client, linear

from safelight.circuit.checks import key_requirements
from safelight.circuit.diagonal_form import diagonal_forms
from safelight.circuit.program import DropLevel, LinearTransform, Program, Rescale
from safelight.ckks.ciphertext import EvaluationKeys
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.engine.clear import run_clear
from safelight.engine.native import NativeEngine, set_threads

WEIGHT_SCALE = 2.0**26
ALWAYS, NEVER = 0, 1 << 40


@lru_cache(maxsize=1)
def dense() -> tuple[Program, Client]:
    """Seventy-two diagonals around zero, few enough baby steps to divide early, then a sum."""
    parameters = Parameters.from_bits(8192, (50, 40, 40, 50))
    slots = parameters.slots
    giants = tuple(step % slots for step in range(-160, 200, 20))
    first = linear(1, 0, slots, giants, (0, 1, 2, 3), 7)
    second = linear(3, 2, slots, (5, 6, 7), (0,), 8)
    steps = (
        LinearTransform(
            1, 0, first.diagonals, dict.fromkeys(giants, (0, 1, 2, 3)), WEIGHT_SCALE, "dense"
        ),
        Rescale(2, 1),
        second,
        Rescale(4, 3),
    )
    program = Program("dense", parameters, 2.0**40, parameters.max_level, steps, 4)
    secret = SecretKeys.generate(parameters)
    made = dict(secret.evaluation_keys(key_requirements(program)))
    keys = EvaluationKeys(parameters, None, made)
    values = np.random.default_rng(9).uniform(-1, 1, slots)
    ciphertext = secret.encrypt(values, scale=2.0**40, level=parameters.max_level)
    return program, Client(secret, keys, values, ciphertext)


def test_large_programs_are_kept_compact() -> None:
    program, _ = dense()
    assert diagonal_forms(program, NEVER) == {1: "divided", 3: "divided"}
    assert diagonal_forms(program, ALWAYS)[1] == "compact"
    assert diagonal_forms(program, ALWAYS)[3] != "compact"  # too few to matter
    engine = NativeEngine()
    fast = engine.prepare(program, compact_above=NEVER).nbytes
    assert engine.prepare(program, compact_above=ALWAYS).nbytes < fast / 3


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("path", PATHS)
def test_the_form_changes_no_residue(path: str, threads: int) -> None:
    program, client = dense()
    engine = NativeEngine(path)
    set_threads(threads)
    try:
        fast, compact = (
            engine.run(engine.prepare(program, compact_above=limit), client.keys, client.ciphertext)
            for limit in (NEVER, ALWAYS)
        )
    finally:
        set_threads(1)
    np.testing.assert_array_equal(fast.residues, compact.residues)
    expected = run_clear(program, client.slots)
    np.testing.assert_allclose(client.secret.decrypt(compact), expected, atol=1e-3)


def test_weights_beyond_32_bits_are_not_kept_compact() -> None:
    program, _ = dense()
    first = program.steps[0]
    assert isinstance(first, LinearTransform)
    wide = LinearTransform(1, 0, first.diagonals, first.giant_steps, 2.0**40, "wide")
    steps = (wide, Rescale(2, 1), DropLevel(3, 2, 0))
    small = Program("wide", program.parameters, 2.0**20, 2, steps, 3)
    assert diagonal_forms(small, ALWAYS) == {1: "divided"}
