"""The three-point comparison for an imported model."""

from __future__ import annotations

import importlib.util

import numpy as np

from safelight.circuit.reference import evaluate
from safelight.ckks.ciphertext import EvaluationKeys
from safelight.ckks.secret import RELINEARIZATION, SecretKeys
from safelight.engine.clear import run_clear
from safelight.models.importers.imported_model import ImportedModel

HAS_ENGINE = importlib.util.find_spec("safelight._native") is not None


def three_points(
    imported: ImportedModel, inputs: np.ndarray, source: np.ndarray, *, encrypted: bool = True
) -> None:
    """source = draft, graph = program in the clear (both 1e-9), clear = decrypted.

    Args:
        imported: The model.
        inputs: Preprocessed, few enough for one ciphertext.
        source: Logits of the source framework for them, from float64.
        encrypted: Whether to make keys and encrypt.
    """
    np.testing.assert_allclose(imported.draft.evaluate(inputs), source, rtol=1e-9, atol=1e-9)
    signature, program = imported.compiled.signature, imported.compiled.program
    some = inputs[: signature.records]
    expected = evaluate(imported.graph, some)
    if not imported.replaced:
        np.testing.assert_allclose(expected, source[: len(some)], rtol=1e-9, atol=1e-9)
    packed = signature.pack(some)
    clear = run_clear(program, packed)
    found = signature.unpack(clear, len(some))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
    if not (encrypted and HAS_ENGINE):
        return
    from safelight.engine.native import NativeEngine

    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(imported.compiled.requirements))
    keys = EvaluationKeys(program.parameters, made.pop(RELINEARIZATION, None), made)
    engine = NativeEngine()
    ciphertext = secret.encrypt(packed, scale=signature.input_scale, level=signature.input_level)
    result = engine.run(engine.prepare(program), engine.load_keys(keys), ciphertext)
    decrypted = signature.unpack(secret.decrypt(result), len(some))
    assert np.abs(decrypted - found).max() < 2e-2 * max(1.0, float(np.abs(found).max()))
