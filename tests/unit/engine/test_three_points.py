"""Each shipped model at three points: the reference, the program in the clear, decrypted.

Reference = clear separates a wrong compiler from noise; clear = decrypted bounds the noise.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from safelight.circuit.reference import evaluate
from safelight.ckks.ciphertext import EvaluationKeys
from safelight.ckks.secret import SecretKeys
from safelight.engine.clear import run_clear
from safelight.engine.seal import SealEngine
from safelight.errors import SafelightError
from safelight.models.held_out import held_out
from safelight.models.registry import compiled_model, load_model, model_names

# Largest difference of logits that the cards declare, and of probabilities.
TOLERANCE = {"wdbc-logistic": (1e-3, 1e-4)}
DEFAULT_TOLERANCE = (2e-2, 1e-3)


def inputs_of(name: str, count: int) -> np.ndarray:
    """Held-out inputs, or, where there are no data, numbers of the same kind."""
    model, triple = compiled_model(name)
    try:
        return held_out(model).inputs[:count]
    except SafelightError:
        shape = (count, *triple.signature.input_shape)
        bound = min(1.0, triple.signature.input_bound)
        return np.random.default_rng(1).uniform(-bound, bound, shape)


@pytest.fixture(autouse=True)
def no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out data are used where they are, never fetched."""

    def refuse(*_args: Any, **_options: Any) -> None:
        raise SafelightError("no download in tests")

    monkeypatch.setattr("safelight.models.datasets.medmnist.find_or_download", _found_or(refuse))


def _found_or(refuse: Any) -> Any:
    def find(name: str) -> Path:
        folder = os.environ.get("SAFELIGHT_DATA")
        path = Path(folder or ".") / "medmnist" / f"{name}.npz"
        return path if folder and path.is_file() else refuse()

    return find


@pytest.mark.parametrize("name", model_names())
def test_reference_is_clear(name: str) -> None:
    _, triple = compiled_model(name)
    signature = triple.signature
    inputs = inputs_of(name, min(4, signature.records) if signature.records > 1 else 1)
    slots = run_clear(triple.program, signature.pack(inputs))
    found = signature.unpack(slots, len(inputs))
    expected = evaluate(load_model(name).graph, inputs)
    np.testing.assert_allclose(found, expected, atol=1e-9, rtol=1e-9)


def decrypted_and_clear(name: str, engine: Any, inputs: np.ndarray) -> tuple[Any, Any]:
    _, triple = compiled_model(name)
    signature, program = triple.signature, triple.program
    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(triple.requirements))
    keys = EvaluationKeys(program.parameters, made.pop(0, None), made)
    packed = signature.pack(inputs)
    ciphertext = secret.encrypt(packed, scale=signature.input_scale, level=signature.input_level)
    result = engine.run(engine.prepare(program), keys, ciphertext)
    assert result.scale == pytest.approx(signature.output_scale, rel=1e-9)
    slots = secret.decrypt(result)
    clear = run_clear(program, packed)
    # no partial sum anywhere: every returned slot is what the clear program has there
    np.testing.assert_allclose(slots, clear, atol=TOLERANCE.get(name, DEFAULT_TOLERANCE)[0])
    return signature.unpack(slots, len(inputs)), signature.unpack(clear, len(inputs))


def check(name: str, engine: Any) -> None:
    signature = compiled_model(name)[1].signature
    inputs = inputs_of(name, min(signature.records, 64))
    found, clear = decrypted_and_clear(name, engine, inputs)
    logits, probabilities = TOLERANCE.get(name, DEFAULT_TOLERANCE)
    assert np.abs(found - clear).max() < logits
    difference = signature.probabilities(found) - signature.probabilities(clear)
    assert np.abs(difference).max() < probabilities


@pytest.mark.skipif(
    importlib.util.find_spec("safelight._native") is None, reason="the C++ evaluator is not built"
)
@pytest.mark.parametrize("name", model_names())
def test_clear_is_decrypted_natively(name: str) -> None:
    from safelight.engine.native import NativeEngine

    check(name, NativeEngine())


SHORT = [name for name in model_names() if name == "wdbc-logistic"]
LONG = [name for name in model_names() if name not in SHORT]


@pytest.mark.parametrize(
    "name", [*SHORT, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)]
)
def test_clear_is_decrypted_by_seal(name: str) -> None:
    check(name, SealEngine())
