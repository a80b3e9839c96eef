"""Whole programs on the native engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from paths import PATHS
from programs import program_and_client

from safelight.ckks.ciphertext import EvaluationKeys
from safelight.engine.clear import run_clear
from safelight.engine.native import NativeEngine, set_threads
from safelight.engine.seal import SealEngine
from safelight.errors import CancelledError, MissingKeyError, ProgramError

TOLERANCE = 1e-5


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("digits", ["centred", "seal"])
def test_the_answer_is_that_in_the_clear(path: str, digits: str) -> None:
    program, client = program_and_client()
    engine = NativeEngine(path, digits)
    result = engine.run(engine.prepare(program), client.keys, client.ciphertext)
    expected = run_clear(program, client.slots)
    assert result.level == 0
    np.testing.assert_allclose(client.secret.decrypt(result), expected, atol=TOLERANCE)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_all_paths_and_threads_give_the_same_bytes(threads: int) -> None:
    program, client = program_and_client()
    set_threads(threads)
    try:
        results = [
            engine.run(engine.prepare(program), client.keys, client.ciphertext).residues
            for engine in map(NativeEngine, PATHS)
        ]
    finally:
        set_threads(1)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_seal_agrees() -> None:
    program, client = program_and_client()
    native, seal = NativeEngine(), SealEngine()
    ours = native.run(native.prepare(program), client.keys, client.ciphertext)
    theirs = seal.run(seal.prepare(program), client.keys, client.ciphertext)
    assert ours.scale == pytest.approx(theirs.scale, rel=1e-12)
    np.testing.assert_allclose(
        client.secret.decrypt(ours), client.secret.decrypt(theirs), atol=TOLERANCE
    )


def test_loaded_keys_are_reused_and_measured() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    prepared, keys = engine.prepare(program), engine.load_keys(client.keys)
    first = engine.run(prepared, keys, client.ciphertext)
    second = engine.run(prepared, client.keys, client.ciphertext)
    np.testing.assert_array_equal(first.residues, second.residues)
    packed = sum(key.residues.nbytes for key in client.keys.galois.values())
    assert 0 < keys.nbytes < packed + client.keys.relinearization.residues.nbytes
    assert prepared.nbytes > 0


def test_missing_keys_are_named() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    element = next(iter(client.keys.galois))
    kept = {e: key for e, key in client.keys.galois.items() if e != element}
    keys = EvaluationKeys(program.parameters, client.keys.relinearization, kept)
    with pytest.raises(MissingKeyError, match=str(element)):
        engine.run(engine.prepare(program), keys, client.ciphertext)
    keys = EvaluationKeys(program.parameters, None, client.keys.galois)
    with pytest.raises(MissingKeyError, match="relinearization"):
        engine.run(engine.prepare(program), engine.load_keys(keys), client.ciphertext)


def test_residues_at_their_prime_are_refused() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    residues = client.ciphertext.residues.copy()
    residues[1, 0, 5] = program.parameters.primes[0]
    with pytest.raises(ProgramError, match="residue"):
        engine.run(
            engine.prepare(program), client.keys, replace(client.ciphertext, residues=residues)
        )
    element, key = next(iter(client.keys.galois.items()))
    residues = key.residues.copy()
    residues[0, 1, -1, 0] = program.parameters.special_prime
    broken = EvaluationKeys(program.parameters, None, {element: replace(key, residues=residues)})
    with pytest.raises(ProgramError, match="residue"):
        engine.load_keys(broken)


def test_wrong_shapes_are_refused() -> None:
    program, client = program_and_client()
    engine = NativeEngine()
    short = replace(client.ciphertext, residues=client.ciphertext.residues[:, :-1])
    with pytest.raises(ProgramError, match="shape"):
        engine.run(engine.prepare(program), client.keys, short)
    element, key = next(iter(client.keys.galois.items()))
    broken = EvaluationKeys(
        program.parameters, None, {element: replace(key, residues=key.residues[:-1])}
    )
    with pytest.raises(ProgramError, match="shape"):
        engine.load_keys(broken)


def test_progress_can_stop_a_run() -> None:
    program, client = program_and_client()
    engine = NativeEngine("portable")
    prepared, keys = engine.prepare(program), engine.load_keys(client.keys)
    seen: list[tuple[int, int]] = []
    engine.run(prepared, keys, client.ciphertext, lambda *step: seen.append(step))
    assert seen[0] == (0, len(program.steps))
    assert seen[-1] == (len(program.steps), len(program.steps))

    def stop(done: int, _steps: int) -> None:
        if done:
            raise CancelledError("stopped")

    with pytest.raises(CancelledError):
        engine.run(prepared, keys, client.ciphertext, stop)


def test_a_linear_transform_must_cover_its_diagonals() -> None:
    program, _ = program_and_client()
    first = program.steps[0]
    broken = replace(first, giant_steps={0: (0, 1)})  # type: ignore[type-var]
    with pytest.raises(ProgramError, match="diagonals"):
        NativeEngine().prepare(replace(program, steps=(broken, *program.steps[1:])))
