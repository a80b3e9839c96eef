"""Membership inference against controls and against a served model, by what an attacker sees.

Numbered plan of a run:
1. Positive control: networks that learned half of noisy records by heart. An attack that finds
   nothing there is broken.
2. Negative control: the same attack asked about records none of the target networks learned.
3. Networks trained as a careful person does, on the same kind of data.
4. The served model. Members are from its own training split, others from its validation split,
   which comes from the same source (the official test split does not, and would make the attack
   look stronger than it is). The attacker sees probabilities to three decimals (as they leave the
   clinic), labels only, or ciphertext.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import logits_of, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import InputError
from safelight.lab.ciphertext_guess import guess_from_ciphertext
from safelight.lab.membership import (
    FEWEST_EACH,
    AttackSuccess,
    FloatArray,
    attack_success,
    confidence,
    lira_offline,
    lira_online,
    rmia,
)
from safelight.lab.shadow_models import OVERFITTED, REGULAR, Lesson, random_halves, train_halves
from safelight.models.held_out import HeldOut, held_out
from safelight.models.registry import TrainedModel

_CONTROL_RECORDS = 700
_REGULAR_RECORDS = 2000
_POPULATION = 500
_MODELS = 66
_REGULAR_MODELS = 34
_TARGETS = 4
"""Networks attacked in turn, each by all the others; their scores are judged together."""
_SERVED_RECORDS = 500
_CIPHERTEXTS = 200


@dataclass(frozen=True)
class MembershipRow:
    """One attack on one target."""

    target: str
    sees: str
    attack: str
    success: AttackSuccess

    def to_json(self) -> dict[str, Any]:
        """Flat."""
        return {"target": self.target, "sees": self.sees, "attack": self.attack} | asdict(
            self.success
        )


Progress = Callable[[str, int, int], None]


def membership_rows(
    model: TrainedModel, *, seed: int = 0, progress: Progress = lambda *_: None
) -> Iterator[MembershipRow]:
    """Runs everything, row by row.

    Args:
        model: The served model; its data has to be known and at hand.
        seed: Of every choice and training.
        progress: Told of (phase, done, total).

    Raises:
        InputError: A model whose training records are unknown, too few of them, no torch.
    """
    inside, outside = _known_records(model)
    inputs = np.concatenate([inside.inputs, outside.inputs])
    inputs = inputs.reshape(len(inputs), -1)
    # one distribution for controls: the training split alone
    pool = np.random.default_rng(seed).permutation(len(inside.labels))
    features = (inputs[: len(pool)] - inputs.mean()) / inputs.std()
    yield from _controls(features, inside.labels, pool, seed, progress)
    yield from _served(model, inside, outside, inputs, seed, progress)


def _known_records(model: TrainedModel) -> tuple[HeldOut, HeldOut]:
    try:
        found = held_out(model, split="train"), held_out(model, split="val")
    except InputError as exc:
        raise InputError(
            f"nobody recorded what {model.name!r} was trained on, so that membership is unknowable",
            hint="take a model whose model.json names a data set with its official splits",
        ) from exc
    if min(len(data.labels) for data in found) < FEWEST_EACH:
        raise InputError(
            f"{len(found[0].labels)} training and {len(found[1].labels)} validation records are "
            "too few for an interval",
            hint=f"at least {FEWEST_EACH} of each are needed",
        )
    return found


def _controls(
    features: FloatArray,
    labels: NDArray[np.int64],
    pool: NDArray[np.int64],
    seed: int,
    progress: Progress,
) -> Iterator[MembershipRow]:
    binary = (labels > 0).astype(np.int64)
    others = pool[-_POPULATION:]

    def trained(name: str, records: int, models: int, lesson: Lesson) -> _Scores:
        chosen = np.concatenate([pool[: min(records, len(pool) - _POPULATION)], others])
        kept = len(chosen) - len(others)
        inside = random_halves(models, kept, seed)
        padded = np.pad(inside, ((0, 0), (0, len(others))))
        found = train_halves(
            features[chosen], binary[chosen], padded, lesson, seed=seed,
            progress=lambda done, total: progress(name, done, total),
        )  # fmt: skip
        return _Scores(found.probabilities, inside)

    overfitted = trained("membership: controls", _CONTROL_RECORDS, _MODELS, OVERFITTED)
    yield from overfitted.rows("positive control: overfitted")
    yield overfitted.negative_row("negative control: trained without the records")
    regular = trained("membership: regular", _REGULAR_RECORDS, _REGULAR_MODELS, REGULAR)
    yield from regular.rows("regular network")


@dataclass(frozen=True)
class _Scores:
    """Probabilities ``[models, records and population]`` and membership ``[models, records]``."""

    probabilities: FloatArray
    inside: NDArray[np.bool_]

    def rows(self, target: str) -> Iterator[MembershipRow]:
        """All attacks, over the first `_TARGETS` networks in turn."""
        records = self.inside.shape[1]
        scores: dict[str, list[FloatArray]] = {}
        for index in range(_TARGETS):
            own, population = np.split(self.probabilities[index], [records])
            rest = np.delete(self.probabilities, index, axis=0)
            shadows, inside = rest[:, :records], np.delete(self.inside, index, axis=0)
            for name, found in (
                ("confidence", confidence(own)),
                ("LiRA, offline", lira_offline(own, shadows, inside)),
                ("LiRA, online", lira_online(own, shadows, inside)),
                ("RMIA", rmia(own, shadows, inside, population, rest[:, records:])),
            ):
                scores.setdefault(name, []).append(found)
        members = self.inside[:_TARGETS].ravel()
        for name, parts in scores.items():
            success = attack_success(np.concatenate(parts), members)
            yield MembershipRow(target, "probabilities", name, success)

    def negative_row(self, target: str) -> MembershipRow:
        """LiRA about the population, which no network learned; half are called members."""
        records = self.inside.shape[1]
        population = self.probabilities[:, records:]
        none = np.zeros((len(population) - 1, population.shape[1]), bool)
        scores = lira_offline(population[0], population[1:], none)
        called = np.random.default_rng(1).permutation(len(scores)) < len(scores) // 2
        return MembershipRow(
            target, "probabilities", "LiRA, offline", attack_success(scores, called)
        )


def _served(
    model: TrainedModel,
    inside: HeldOut,
    outside: HeldOut,
    inputs: FloatArray,
    seed: int,
    progress: Progress,
) -> Iterator[MembershipRow]:
    rng = np.random.default_rng(seed)
    count = min(_SERVED_RECORDS, len(inside.labels), len(outside.labels))
    first = rng.permutation(len(inside.labels))[:count]
    second = rng.permutation(len(outside.labels))[:count]
    shown = np.concatenate([inside.inputs[first], outside.inputs[second]])
    labels = np.concatenate([inside.labels[first], outside.labels[second]])
    members = np.arange(2 * count) < count
    outputs = model.meaning.outputs
    answered = probabilities(outputs, logits_of(outputs, evaluate(model.graph, shown)))
    rounded = np.round(answered, 3)
    true_class = rounded[np.arange(2 * count), labels]
    for sees, attack, scores in (
        ("probabilities, 3 decimals", "confidence", true_class),
        ("labels only", "right or wrong", (answered.argmax(axis=1) == labels).astype(float)),
    ):
        yield MembershipRow(model.name, sees, attack, attack_success(scores, members))

    # reference networks of another shape, as an attacker without our recipe has
    rest = np.setdiff1d(np.arange(len(inside.labels)), first)
    chosen = np.concatenate([first, len(inside.labels) + second, rest[:_REGULAR_RECORDS]])
    features = (inputs[chosen] - inputs.mean()) / inputs.std()
    all_labels = np.concatenate([inside.labels, outside.labels])[chosen]
    halves = random_halves(_REGULAR_MODELS, len(chosen), seed + 1)
    halves[:, : 2 * count] = False
    found = train_halves(
        features, (all_labels > 0).astype(np.int64), halves, REGULAR, seed=seed + 1,
        progress=lambda done, total: progress("membership: served", done, total),
    )  # fmt: skip
    scores = lira_offline(true_class, found.probabilities[:, : 2 * count], halves[:, : 2 * count])
    yield MembershipRow(
        model.name, "probabilities, 3 decimals", "LiRA, offline", attack_success(scores, members)
    )
    few = np.concatenate([np.arange(_CIPHERTEXTS), count + np.arange(_CIPHERTEXTS)])
    scores, judged = guess_from_ciphertext(
        model, shown[few], members[few], seed=seed,
        progress=lambda done, total: progress("membership: ciphertext", done, total),
    )  # fmt: skip
    yield MembershipRow(
        model.name, "ciphertext", "trained on its bytes", attack_success(scores, judged)
    )
