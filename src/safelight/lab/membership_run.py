"""Membership inference against controls and against a served model, by what an attacker sees.

Numbered plan of a run:
1. Positive control: networks that learned half of noisy records by heart. An attack that finds
   nothing there is broken.
2. Negative control: the same attacks asked about records none of the target networks learned.
3. Networks trained as a careful person does, on the same kind of data.
4. The served model. Members are from its own training split, others from its validation split,
   which comes from the same source (the official test split does not, and would make the attack
   look stronger than it is). The attacker sees probabilities to three decimals (as they leave the
   clinic), labels only, or ciphertext. Its own negative control: networks that learned none of
   both splits; what tells these apart is a difference between the splits, not membership. Its
   own positive control: the classifier of ciphertexts, shown requests in clear.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.lab.membership import (
    FEWEST_EACH,
    FloatArray,
    confidence,
    lira_offline,
    lira_online,
    rmia,
)
from safelight.lab.membership_row import MembershipRow, judged_rows
from safelight.lab.membership_served import POPULATION, REGULAR_MODELS, REGULAR_RECORDS, served_rows
from safelight.lab.shadow_models import OVERFITTED, REGULAR, Lesson, random_halves, train_halves
from safelight.models.held_out import HeldOut, held_out
from safelight.models.registry import TrainedModel

_CONTROL_RECORDS = 700
_MODELS = 66
_CONTROL_TARGETS = 16
_REGULAR_TARGETS = 6
"""Networks attacked in turn, each by all the others; their scores are judged together. Enough for
5000 questions about non-members, which a false-positive rate of 0.1 % needs."""


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
    yield from served_rows(model, inside, outside, inputs, seed, progress)


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
    others = pool[-POPULATION:]

    def trained(name: str, records: int, models: int, lesson: Lesson) -> _Scores:
        chosen = np.concatenate([pool[: min(records, len(pool) - POPULATION)], others])
        kept = len(chosen) - len(others)
        inside = random_halves(models, kept, seed)
        padded = np.pad(inside, ((0, 0), (0, len(others))))
        found = train_halves(
            features[chosen], binary[chosen], padded, lesson, seed=seed,
            progress=lambda done, total: progress(name, done, total),
        )  # fmt: skip
        return _Scores(found.probabilities, inside)

    overfitted = trained("membership: controls", _CONTROL_RECORDS, _MODELS, OVERFITTED)
    yield from overfitted.rows("positive control: overfitted", _CONTROL_TARGETS)
    yield from overfitted.negative_rows(
        "negative control: records that no network learned", _CONTROL_TARGETS, seed
    )
    regular = trained("membership: regular", REGULAR_RECORDS, REGULAR_MODELS, REGULAR)
    yield from regular.rows("regular network", _REGULAR_TARGETS)


@dataclass(frozen=True)
class _Scores:
    """Probabilities ``[models, records and population]`` and membership ``[models, records]``."""

    probabilities: FloatArray
    inside: NDArray[np.bool_]

    def rows(self, target: str, targets: int) -> Iterator[MembershipRow]:
        """All attacks, over the first networks in turn."""
        records = self.inside.shape[1]
        scores: dict[str, list[FloatArray]] = {}
        for index in range(targets):
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
        yield from judged_rows(target, "probabilities", scores, self.inside[:targets])

    def negative_rows(self, target: str, targets: int, seed: int) -> Iterator[MembershipRow]:
        """All attacks but the one that needs members, about the population.

        Half of it is called members: what the attacks find there is their error.
        """
        population = self.probabilities[:, self.inside.shape[1] :]
        called = np.random.default_rng(seed + 1).permutation(population.shape[1]) % 3 > 0
        asked, others = population[:, called], population[:, ~called]
        none = np.zeros((len(asked) - 1, asked.shape[1]), bool)
        scores: dict[str, list[FloatArray]] = {}
        for index in range(targets):
            shadows, rest = (np.delete(each, index, axis=0) for each in (asked, others))
            for name, found in (
                ("confidence", confidence(asked[index])),
                ("LiRA, offline", lira_offline(asked[index], shadows, none)),
                ("RMIA", rmia(asked[index], shadows, none, others[index], rest)),
            ):
                scores.setdefault(name, []).append(found)
        members = random_halves(targets, asked.shape[1], seed + 2)
        yield from judged_rows(target, "probabilities", scores, members)
