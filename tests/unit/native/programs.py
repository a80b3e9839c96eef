"""Programs that use every step, and all a client has for them."""

from __future__ import annotations

from dataclasses import dataclass
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
    Vector,
)
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys
from safelight.ckks.parameters import Parameters
from safelight.ckks.secret import SecretKeys

SCALE = 2.0**40


def linear(
    dst: int, src: int, slots: int, giants: tuple[int, ...], babies: tuple[int, ...], seed: int
) -> LinearTransform:
    """Random diagonals whose sum stays around one."""
    rng = np.random.default_rng(seed)
    size = 1.0 / (len(giants) * len(babies))
    diagonals = {
        (giant + baby) % slots: rng.uniform(-size, size, slots)
        for giant in giants
        for baby in babies
    }
    return LinearTransform(dst, src, diagonals, dict.fromkeys(giants, babies), SCALE, "test")


def every_step() -> Program:
    """All kinds of steps and all shapes of linear transforms."""
    parameters = Parameters.from_bits(16384, (50, 40, 40, 40, 40, 40, 40, 50))
    s = parameters.slots
    rng = np.random.default_rng(5)
    steps = (
        linear(1, 0, s, (0, 8, 16), (0, 1, 2, 5), 1),  # babies and giants
        Rescale(2, 1),
        Multiply(3, 2, 2),
        Rescale(4, 3),
        RotateAndSum(5, 4, (1, 64)),
        linear(6, 5, s, (0, 100, 4000), (0,), 2),  # giants only
        linear(7, 5, s, (0,), (3, 9), 3),  # babies only
        Add(8, 6, 7),
        AddPlain(9, 8, rng.uniform(-1, 1, s)),
        Rescale(10, 9),
        linear(11, 10, s, (0,), (0,), 4),  # a product
        MultiplyPlain(12, 10, rng.uniform(-1, 1, s), SCALE),
        Add(13, 11, 12),
        Rescale(14, 13),
        linear(15, 14, s, (7, 700), (1, 2), 5),  # no step of either kind is 0
        RotateAndSum(16, 15, (2, 4)),
        Rescale(17, 16),
        DropLevel(18, 17, 1),
        Multiply(19, 18, 18),
        AddPlain(20, 19, rng.uniform(-1, 1, s)),
        Rescale(21, 20),
    )
    return Program("every-step", parameters, SCALE, parameters.max_level, steps, 21)


@dataclass(frozen=True)
class Client:
    """One client's secret, keys and a request."""

    secret: SecretKeys
    keys: EvaluationKeys
    slots: Vector
    ciphertext: Ciphertext


@lru_cache(maxsize=4)
def program_and_client() -> tuple[Program, Client]:
    program = every_step()
    secret = SecretKeys.generate(program.parameters)
    made = dict(secret.evaluation_keys(key_requirements(program)))
    keys = EvaluationKeys(
        program.parameters, made.get(0), {element: key for element, key in made.items() if element}
    )
    slots = np.random.default_rng(6).uniform(-1, 1, program.parameters.slots)
    ciphertext = secret.encrypt(slots, scale=program.input_scale, level=program.input_level)
    return program, Client(secret, keys, slots, ciphertext)
