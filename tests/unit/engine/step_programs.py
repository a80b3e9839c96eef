"""A small program with every kind of step, its keys, and one request."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from safelight.circuit.checks import key_requirements
from safelight.circuit.program import (
    Add,
    AddPlain,
    DropLevel,
    LinearTransform,
    Multiply,
    MultiplyPlain,
    Program,
    Rescale,
    RotateAndSum,
)
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys

PARAMETERS = Parameters.from_bits(8192, [45, 40, 40, 40, 45])
SCALE = 2.0**40


@lru_cache(maxsize=1)
def every_step() -> Program:
    """Each kind of step at least once; values stay around one."""
    s = PARAMETERS.slots
    random = np.random.default_rng(9)

    def diagonals(*distances: int) -> dict[int, np.ndarray]:
        return {d: random.uniform(-1, 1, s) / len(distances) for d in distances}

    giants = {0: (0, 1), 64: (1, 3), s - 64: (0,)}
    steps = (
        LinearTransform(1, 0, diagonals(0, 1, 65, 67, s - 64), giants, SCALE, "dense"),
        Rescale(2, 1),
        Multiply(3, 2, 2, "square"),
        Rescale(4, 3),
        RotateAndSum(5, 4, (16, 8)),
        AddPlain(6, 5, random.uniform(-1, 1, s)),
        MultiplyPlain(7, 6, random.uniform(-1, 1, s), PARAMETERS.primes[1] + 0.0),
        Rescale(8, 7),
        DropLevel(9, 6, 0),
        Add(10, 8, 9),
    )
    return Program("every step", PARAMETERS, SCALE, PARAMETERS.max_level, steps, 10)


@lru_cache(maxsize=1)
def request() -> tuple[SecretKeys, EvaluationKeys, np.ndarray, Ciphertext]:
    """Secret, keys, the slots in the clear, and encrypted."""
    program = every_step()
    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(key_requirements(program)))
    relinearization = made.pop(0)
    slots = np.random.default_rng(10).uniform(-1, 1, PARAMETERS.slots)
    ciphertext = secret.encrypt(slots, scale=program.input_scale)
    return secret, EvaluationKeys(program.parameters, relinearization, made), slots, ciphertext
