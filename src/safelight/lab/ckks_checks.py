"""Checks that belong to CKKS: precision, unused slots, timing, parameters, for a shipped model.

Everything runs on the native engine with keys made here, against the clear definition.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.checks import register_states
from safelight.circuit.compiler import Compiled
from safelight.circuit.program import DropLevel, Program, Step
from safelight.circuit.reference import evaluate
from safelight.ckks.ciphertext import EvaluationKeys
from safelight.ckks.parameters import MAX_LOG2_QP
from safelight.ckks.secret import RELINEARIZATION, SecretKeys
from safelight.engine.clear import run_clear
from safelight.engine.native import NativeEngine, NativeKeys
from safelight.errors import ProgramError, SafelightError
from safelight.models.registry import TrainedModel, compile_model, load_model, model_names

FloatArray = NDArray[np.float64]
Progress = Callable[[str, int, int], None]
_TIMED_PAIRS = 60
_CLIMBS = 3


@dataclass(frozen=True)
class SecurityRow:
    """A shipped model's parameters beside the table's limit (eprint 2024/463, table 5.2)."""

    model: str
    n: int
    log2_qp: float
    limit: int


def security_rows() -> Iterator[SecurityRow]:
    """One row a shipped model; `Parameters` refuses anything above the limit."""
    for name in model_names():
        parameters = compile_model(load_model(name)).program.parameters
        limit = MAX_LOG2_QP[parameters.n]
        yield SecurityRow(name, parameters.n, round(parameters.log2_qp, 2), limit)


@dataclass(frozen=True)
class LayerPrecision:
    """Error after one step of the program, relative to the largest value there."""

    step: str
    level: int
    largest_value: float
    largest_error: float
    median_error: float


@dataclass(frozen=True)
class WorstCase:
    """The largest error of a logit that a search found inside the declared range.

    Args:
        start: Where the search began.
        random_error: Before climbing.
        error: After.
        probability_error: Of the same input, what the clinic would notice.
        evaluations: Encrypted inferences spent.
    """

    start: str
    random_error: float
    error: float
    probability_error: float
    evaluations: int


@dataclass(frozen=True)
class UnusedSlots:
    """What a returned ciphertext holds where no answer is read.

    Args:
        answers: Slots with answers.
        empty: Other slots that hold nothing but noise.
        copies: Other slots that repeat an answer: nothing the client is not told anyway.
        others: Slots with anything else, such as partial sums, which would give away weights: 0.
        tolerance: Differences up to here are noise: ten times the largest error of an answer.
    """

    answers: int
    empty: int
    copies: int
    others: int
    tolerance: float


@dataclass(frozen=True)
class Timing:
    """Does the evaluation's time depend on what is encrypted?

    Args:
        zeros_ms: Median for an encrypted image of zeros.
        extremes_ms: Median for an encrypted image of extreme values, interleaved with the other.
        p_value: Of the rank-sum test that both are alike.
        pairs: How many.
    """

    zeros_ms: float
    extremes_ms: float
    p_value: float
    pairs: int


class Bench:
    """One model with keys: encrypts, evaluates, decrypts.

    Args:
        model: With its compiled program.
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self.compiled: Compiled = compile_model(model)
        self.engine = NativeEngine()
        self.secret = SecretKeys.generate(self.compiled.program.parameters)
        made = dict(self.secret.evaluation_keys(self.compiled.requirements))
        relinearization = made.pop(RELINEARIZATION, None)
        keys = EvaluationKeys(self.compiled.program.parameters, relinearization, made)
        self.keys: NativeKeys = self.engine.load_keys(keys)
        self._prepared = self.engine.prepare(self.compiled.program)

    def slots(self, inputs: FloatArray) -> FloatArray:
        """All decrypted slots of the answer for ``[records, *input_shape]``."""
        signature = self.compiled.signature
        ciphertext = self.secret.encrypt(
            signature.pack(inputs), scale=signature.input_scale, level=signature.input_level
        )
        return self.secret.decrypt(self.engine.run(self._prepared, self.keys, ciphertext))

    def logits(self, inputs: FloatArray) -> FloatArray:
        """Decrypted logits of one input ``[*input_shape]``."""
        return np.asarray(self.compiled.signature.unpack(self.slots(inputs[None]), 1)[0])

    def precision(self, inputs: FloatArray, progress: Progress) -> Iterator[LayerPrecision]:
        """Error after each step whose result can be looked at, over several inputs."""
        program, signature = self.compiled.program, self.compiled.signature
        for index, step in enumerate(program.steps):
            progress("ckks: precision", index + 1, len(program.steps))
            shortened = _until(program, index)
            if shortened is None:
                continue
            prepared = self.engine.prepare(shortened)
            errors, largest = [], 0.0
            for values in inputs:
                packed = signature.pack(values[None])
                ciphertext = self.secret.encrypt(
                    packed, scale=program.input_scale, level=program.input_level
                )
                found = self.secret.decrypt(self.engine.run(prepared, self.keys, ciphertext))
                truth = run_clear(shortened, packed)
                errors.append(np.abs(found - truth))
                largest = max(largest, float(np.abs(truth).max()))
            level = register_states(program)[step.dst].level
            yield LayerPrecision(
                step=f"{index}: {_named(step)}",
                level=level,
                largest_value=largest,
                largest_error=float(np.max(errors)),
                median_error=float(np.median(errors)),
            )

    def worst_cases(
        self, starts: dict[str, FloatArray], evaluations: int, seed: int, progress: Progress
    ) -> Iterator[WorstCase]:
        """Climbs from each start by random changes of pixels that increase the error.

        The noise of encryption is fresh in every evaluation, so that an input counts only with
        the smaller error of two evaluations.
        """
        rng = np.random.default_rng(seed)
        bound = self.compiled.signature.input_bound
        for done, (name, start) in enumerate(starts.items()):
            first = error = self._error(start)
            values, spent, share = start, 2, 0.5
            while spent < evaluations:
                changed = values.copy()
                where = rng.random(values.shape) < share
                changed[where] = rng.uniform(-bound, bound, int(where.sum()))
                found = self._error(changed)
                spent += 2
                if found > error:
                    values, error = changed, found
                else:
                    share = max(0.01, 0.8 * share)
            yield WorstCase(name, first, error, self._probability_error(values), spent)
            progress("ckks: worst case", done + 1, len(starts))

    def _error(self, values: FloatArray) -> float:
        truth = evaluate(self.model.graph, values[None])[0]
        return min(float(np.abs(self.logits(values) - truth).max()) for _ in range(2))

    def _probability_error(self, values: FloatArray) -> float:
        signature = self.compiled.signature
        truth = evaluate(self.model.graph, values[None])
        pair = [signature.probabilities(each) for each in (truth, self.logits(values)[None])]
        return float(np.abs(pair[0] - pair[1]).max())

    def unused_slots(self, inputs: FloatArray) -> UnusedSlots:
        """Decrypts answers to several inputs and looks at every slot that holds none."""
        signature = self.compiled.signature
        table = np.stack([self.slots(values[None]) for values in inputs])
        truth = np.stack(
            [run_clear(self.compiled.program, signature.pack(values[None])) for values in inputs]
        )
        records = np.arange(signature.records) * signature.record_step
        where = (np.array(signature.output_slots)[:, None] + records).ravel()
        tolerance = 10 * float(np.abs(table - truth)[:, where].max())
        rest = np.delete(np.arange(table.shape[1]), where)
        empty = np.abs(table[:, rest]).max(axis=0) <= tolerance
        distance = np.abs(table[:, rest][:, :, None] - table[:, where][:, None]).max(axis=0)
        copies = ~empty & (distance.min(axis=1) <= tolerance)
        return UnusedSlots(
            answers=len(where),
            empty=int(empty.sum()),
            copies=int(copies.sum()),
            others=int((~empty & ~copies).sum()),
            tolerance=tolerance,
        )

    def timing(self, progress: Progress) -> Timing:
        """Interleaved evaluations of two very different images."""
        from safelight.lab.extras import extra

        signature = self.compiled.signature
        shape = (1, *signature.input_shape)
        rng = np.random.default_rng(0)
        bound = signature.input_bound
        images = [np.zeros(shape), rng.choice([-bound, bound], size=shape)]
        ciphertexts = [
            self.secret.encrypt(
                signature.pack(image), scale=signature.input_scale, level=signature.input_level
            )
            for image in images
        ]
        times: list[list[float]] = [[], []]
        for pair in range(_TIMED_PAIRS):
            # the order alternates, so that neither always comes second
            for which in (pair % 2, 1 - pair % 2):
                start = time.perf_counter()
                self.engine.run(self._prepared, self.keys, ciphertexts[which])
                times[which].append(1000 * (time.perf_counter() - start))
            progress("ckks: timing", pair + 1, _TIMED_PAIRS)
        test = extra("scipy.stats", "lab").mannwhitneyu(*times)
        return Timing(
            float(np.median(times[0])), float(np.median(times[1])), float(test.pvalue), _TIMED_PAIRS
        )


def _until(program: Program, index: int) -> Program | None:
    """The program that stops after a step and returns its result; None where nothing can be seen.

    A result at a scale that only fits higher levels cannot be returned at level 0.
    """
    step = program.steps[index]
    output = step.dst
    steps: tuple[Step, ...] = program.steps[: index + 1]
    try:
        level = register_states(replace(program, steps=(*steps,), output=output))[output].level
    except ProgramError:
        fresh = 1 + max(each.dst for each in program.steps)
        steps, level = (*steps, DropLevel(fresh, output, 0, "looked at")), 0
        output = fresh
    shortened = replace(program, steps=steps, output=output)
    try:
        state = register_states(shortened)[output]
    except SafelightError:
        return None
    room = np.log2(float(program.parameters.primes[0])) - np.log2(state.scale)
    return shortened if level == 0 and room > 6 else None


def _named(step: Step) -> str:
    label = getattr(step, "label", "")
    return f"{type(step).__name__} {label}".strip()
