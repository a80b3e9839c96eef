"""The engines that run today compute what the clear one defines, or refuse."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from step_programs import PARAMETERS, SCALE, every_step, request

from safelight.circuit.program import DropLevel, LinearTransform, Program, RotateAndSum
from safelight.ckks.ciphertext import EvaluationKeys, KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys
from safelight.engine.clear import run_clear
from safelight.engine.requirements import check_keys
from safelight.engine.seal import SealEngine
from safelight.errors import CancelledError, MissingKeyError, ProgramError

# Noise of N = 8192 at a scale of 2^40, through one square and eight rotations.
TOLERANCE = 1e-5


def seal_engine() -> Any:
    return SealEngine()


def native_engine() -> Any:
    from safelight.engine.native import NativeEngine

    return NativeEngine()


needs_native = pytest.mark.skipif(
    importlib.util.find_spec("safelight._native") is None, reason="the C++ evaluator is not built"
)
ENGINES = [
    pytest.param(seal_engine, id="seal"),
    pytest.param(native_engine, id="native", marks=needs_native),
]
Make = Callable[[], Any]


def by_hand(slots: np.ndarray) -> np.ndarray:
    """`every_step` written out with np.roll and matrices, without the engine's code."""
    program = every_step()
    dense = program.steps[0]
    assert isinstance(dense, LinearTransform)
    value = sum(d * np.roll(slots, -distance) for distance, d in dense.diagonals.items())
    value = value**2
    for rotation in (16, 8):
        value = value + np.roll(value, -rotation)
    value = value + program.steps[5].values  # type: ignore[union-attr]
    return value * program.steps[6].values + value  # type: ignore[union-attr]


def test_clear_is_what_the_steps_say() -> None:
    _, _, slots, _ = request()
    seen = []
    found = run_clear(every_step(), slots, lambda step, value: seen.append((step, value)))
    np.testing.assert_allclose(found, by_hand(slots), atol=1e-12)
    assert [step for step, _ in seen] == list(every_step().steps)
    assert (seen[-1][1] == found).all()


def test_giant_steps_mean_the_diagonals() -> None:
    """Baby-step giant-step as its docstring writes it equals the sum over the diagonals."""
    _, _, slots, _ = request()
    step = every_step().steps[0]
    assert isinstance(step, LinearTransform)
    total = np.zeros_like(slots)
    for giant, babies in step.giant_steps.items():
        inner = np.zeros_like(slots)
        for baby in babies:
            diagonal = step.diagonals[(giant + baby) % slots.size]
            inner += np.roll(diagonal, giant) * np.roll(slots, -baby)
        total += np.roll(inner, -giant)
    only = Program("one", PARAMETERS, SCALE, 3, (step, DropLevel(2, 1, 0)), 2)
    only = replace(only, steps=(replace(step, scale=1.0), DropLevel(2, 1, 0)))
    np.testing.assert_allclose(run_clear(only, slots), total, atol=1e-12)


@pytest.mark.parametrize("make", ENGINES)
def test_decrypted_is_clear(make: Make) -> None:
    secret, keys, slots, ciphertext = request()
    engine, steps = make(), []
    prepared = engine.prepare(every_step())
    assert prepared.program.name == every_step().name
    result = engine.run(prepared, keys, ciphertext, lambda *step: steps.append(step))
    assert result.level == 0
    assert result.seed is None
    expected = run_clear(every_step(), slots)
    np.testing.assert_allclose(secret.decrypt(result), expected, atol=TOLERANCE)
    assert steps[0][0] == 0
    assert steps[-1] == (len(every_step().steps),) * 2
    assert steps == sorted(steps)


@pytest.mark.parametrize("make", ENGINES)
def test_a_run_changes_neither_keys_nor_input(make: Make) -> None:
    _, keys, _, ciphertext = request()
    before = ciphertext.residues.copy()
    keys_before = {element: key.residues.copy() for element, key in keys.galois.items()}
    engine = make()
    prepared = engine.prepare(every_step())
    first = engine.run(prepared, keys, ciphertext)
    second = engine.run(prepared, keys, ciphertext)
    assert (first.residues == second.residues).all()
    assert (ciphertext.residues == before).all()
    for element, key in keys.galois.items():
        assert (key.residues == keys_before[element]).all()


@pytest.mark.parametrize("make", ENGINES)
def test_missing_keys_are_named_before_any_work(make: Make) -> None:
    _, keys, _, ciphertext = request()
    engine = make()
    prepared = engine.prepare(every_step())

    def never(done: int, total: int) -> None:
        raise AssertionError("work began")

    for element in keys.galois:
        fewer = {e: key for e, key in keys.galois.items() if e != element}
        without = EvaluationKeys(PARAMETERS, keys.relinearization, fewer)
        with pytest.raises(MissingKeyError, match=rf"1 evaluation keys .*: {element}$"):
            engine.run(prepared, without, ciphertext, never)
    without = EvaluationKeys(PARAMETERS, None, keys.galois)
    with pytest.raises(MissingKeyError, match="relinearization"):
        engine.run(prepared, without, ciphertext, never)
    with pytest.raises(MissingKeyError, match=r"\d+ evaluation keys"):
        engine.run(prepared, EvaluationKeys(PARAMETERS), ciphertext, never)


@pytest.mark.parametrize("make", ENGINES)
def test_keys_trimmed_too_low_count_as_missing(make: Make) -> None:
    secret, keys, _, ciphertext = request()
    element = max(keys.galois, key=lambda e: keys.galois[e].level)
    low = secret.evaluation_key(element, keys.galois[element].level - 1)
    engine = make()
    trimmed = EvaluationKeys(PARAMETERS, keys.relinearization, {**keys.galois, element: low})
    with pytest.raises(MissingKeyError, match=str(element)):
        engine.run(engine.prepare(every_step()), trimmed, ciphertext)


@pytest.mark.parametrize("make", ENGINES)
def test_other_inputs_are_refused(make: Make) -> None:
    secret, keys, slots, ciphertext = request()
    engine = make()
    prepared = engine.prepare(every_step())
    lower = secret.encrypt(slots, scale=SCALE, level=2)
    other_scale = secret.encrypt(slots, scale=SCALE * 2)
    other = SecretKeys.generate(Parameters.from_bits(8192, [45, 40, 40, 40, 46]))
    three = replace(ciphertext, residues=np.concatenate([ciphertext.residues] * 2)[:3])
    for wrong, message in (
        (lower, "shape"),
        (three, "shape"),
        (other_scale, "scale"),
        (other.encrypt(slots, scale=SCALE), "other parameters"),
    ):
        with pytest.raises(ProgramError, match=message):
            engine.run(prepared, keys, wrong)
    foreign = EvaluationKeys(other.parameters, keys.relinearization, keys.galois)
    with pytest.raises(ProgramError, match="other parameters"):
        engine.run(prepared, foreign, ciphertext)


@pytest.mark.parametrize("make", ENGINES)
def test_whatever_progress_raises_stops_the_run(make: Make) -> None:
    _, keys, _, ciphertext = request()

    def stop(done: int, total: int) -> None:
        if done >= 2:  # an engine may leave out steps
            raise CancelledError("enough")

    engine = make()
    with pytest.raises(CancelledError, match="enough"):
        engine.run(engine.prepare(every_step()), keys, ciphertext, stop)


@pytest.mark.parametrize("make", ENGINES)
def test_broken_programs_are_not_prepared(make: Make) -> None:
    broken = replace(every_step(), steps=(RotateAndSum(1, 7, (1,)),))
    with pytest.raises(ProgramError, match="register 7"):
        make().prepare(broken)


def test_keys_for_several_programs_serve_each() -> None:
    needed = KeyRequirements(1, {3: 1, 9: 0})
    held = KeyRequirements(2, {3: 2, 9: 0, 27: 2})
    check_keys(PARAMETERS, needed, PARAMETERS, held)
    with pytest.raises(MissingKeyError, match=r"3$"):
        check_keys(PARAMETERS, needed, PARAMETERS, KeyRequirements(1, {3: 0, 9: 0}))
    many = KeyRequirements(None, dict.fromkeys(range(3, 43, 2), 0))
    with pytest.raises(MissingKeyError, match=r"20 evaluation keys .*17 …"):
        check_keys(PARAMETERS, many, PARAMETERS, KeyRequirements(None, {}))
