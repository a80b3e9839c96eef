"""A service process with a tiny model and an engine that computes nothing: for tests of the API.

Run as a script it serves; imported it gives the same model to the tests. The engine takes as
many steps as the environment says, so that a test can kill or cancel it in the middle.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, replace

from safelight.circuit.program import DropLevel, Program
from safelight.ckks.ciphertext import Ciphertext, EvaluationKeys, KeyRequirements
from safelight.ckks.parameters import Parameters
from safelight.engine.base import Progress
from safelight.service.head_timeout import HeadTimeoutProtocol
from safelight.service.served_model import ServedModel

PARAMETERS = Parameters.from_bits(4096, [40, 26, 40])
OTHER_PARAMETERS = Parameters.from_bits(4096, [36, 26, 40])
SCALE = 2.0**26
GALOIS = PARAMETERS.galois_element(1), PARAMETERS.galois_element(5)


def fake_model(
    name: str, requirements: KeyRequirements, parameters: Parameters = PARAMETERS
) -> ServedModel:
    """A model whose program hands its input back."""
    program = Program(name, parameters, SCALE, 1, (DropLevel(1, 0, 0),), 1)
    return ServedModel(
        name=name,
        version="1",
        model_digest="11" * 32,
        signature={"format": "test"},
        program=program,
        program_digest="22" * 32,
        requirements=requirements,
    )


# `tiny` needs the relinearisation key and two rotations; `free` needs no key at all.
MODELS = [
    fake_model("tiny", KeyRequirements(1, dict.fromkeys(GALOIS, 1))),
    fake_model("shallow", KeyRequirements(None, {GALOIS[0]: 0})),
    fake_model("free", KeyRequirements(None, {})),
    fake_model("broken", KeyRequirements(None, {})),
    fake_model("other", KeyRequirements(None, {}), OTHER_PARAMETERS),
]


@dataclass(frozen=True)
class FakePrepared:
    """A program without constants."""

    program: Program


class FakeEngine:
    """Gives the input back at level 0, after some steps; fails for the model ``broken``."""

    name = "fake"

    def __init__(self, steps: int = 4, step_s: float = 0.0) -> None:
        self._steps = steps
        self._step_s = step_s

    def prepare(self, program: Program) -> FakePrepared:
        return FakePrepared(program)

    def run(
        self,
        prepared: FakePrepared,
        keys: EvaluationKeys,
        ciphertext: Ciphertext,
        progress: Progress | None = None,
    ) -> Ciphertext:
        if prepared.program.name == "broken":
            raise ZeroDivisionError("a secret detail of the engine")
        for step in range(self._steps):
            if progress is not None:
                progress(step, self._steps)
            time.sleep(self._step_s)
        return replace(ciphertext, residues=ciphertext.residues[:, :1], seed=None)


def main() -> None:
    """Serves the fake models with the arguments of the real service."""
    import argparse

    from safelight.service.arguments import add_arguments, settings_of
    from safelight.service.run import run_service

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    settings = settings_of(parser.parse_args())
    changed = {
        name.removeprefix("FAKE_LIMIT_").lower(): float(value) if "_S" in name[-2:] else int(value)
        for name, value in os.environ.items()
        if name.startswith("FAKE_LIMIT_")
    }
    settings = replace(settings, limits=replace(settings.limits, **changed))
    HeadTimeoutProtocol.head_timeout_s = float(os.environ.get("FAKE_HEAD_TIMEOUT_S", "10"))
    engine = FakeEngine(
        int(os.environ.get("FAKE_STEPS", "4")), float(os.environ.get("FAKE_STEP_S", "0"))
    )
    run_service(settings, models=MODELS, engine=engine)


if __name__ == "__main__":
    sys.exit(main())
