"""Membership inference against a served model, framed by controls of its own.

Networks that learned none of both splits tell a difference between the splits from membership;
the classifier of ciphertexts is first shown requests in clear, where it has to find something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import logits_of, probabilities
from safelight.circuit.reference import evaluate
from safelight.lab.ciphertext_guess import (
    INDEPENDENT_GUESSES,
    byte_features,
    ciphertext_features,
    clear_requests,
    trained_guess,
)
from safelight.lab.membership import (
    FEWEST_EACH,
    FloatArray,
    attack_success,
    confidence,
    lira_offline,
    lira_online,
    rmia,
)
from safelight.lab.membership_row import MembershipRow, judged_rows
from safelight.lab.shadow_models import REGULAR, random_halves, train_halves
from safelight.models.held_out import HeldOut
from safelight.models.registry import TrainedModel

Progress = Callable[[str, int, int], None]
REGULAR_RECORDS = 2000
REGULAR_MODELS = 34
POPULATION = 500
"""Records that no reference network learns: RMIA compares with them."""
_STRANGERS = 4
"""Networks that learned none of the served model's records: its negative control."""
_SERVED_RECORDS = 500


def served_rows(
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

    # reference networks of another shape, as an attacker without our recipe has
    rest = rng.permutation(np.setdiff1d(np.arange(len(inside.labels)), first))
    rest, others = rest[:REGULAR_RECORDS], rest[REGULAR_RECORDS:][:POPULATION]
    chosen = np.concatenate([first, len(inside.labels) + second, rest, others])
    features = (inputs[chosen] - inputs.mean()) / inputs.std()
    abnormal = np.concatenate([inside.labels, outside.labels])[chosen] > 0
    halves = random_halves(REGULAR_MODELS + _STRANGERS, len(chosen), seed + 1)
    halves[:_STRANGERS, : 2 * count] = False
    halves[:, len(chosen) - len(others) :] = False
    found = train_halves(
        features, abnormal.astype(np.int64), halves, REGULAR, seed=seed + 1,
        progress=lambda done, total: progress("membership: served", done, total),
    ).probabilities  # fmt: skip
    asked, population = found[:, : 2 * count], found[:, len(chosen) - len(others) :]
    shadows, learned = asked[_STRANGERS:], halves[_STRANGERS:, : 2 * count]

    def attacks(own: FloatArray, own_population: FloatArray) -> dict[str, FloatArray]:
        return {
            "confidence": confidence(own),
            "LiRA, offline": lira_offline(own, shadows, learned),
            "LiRA, online": lira_online(own, shadows, learned),
            "RMIA": rmia(own, shadows, learned, own_population, population[_STRANGERS:]),
        }

    scores: dict[str, list[FloatArray]] = {}
    for own, own_population in zip(asked[:_STRANGERS], population, strict=False):
        for name, values in attacks(own, own_population).items():
            scores.setdefault(name, []).append(values)
    yield from judged_rows(
        "negative control: trained on neither split's records", "probabilities", scores,
        np.tile(members, (_STRANGERS, 1)),
    )  # fmt: skip

    def answered(records: FloatArray) -> FloatArray:
        return np.asarray(
            probabilities(outputs, logits_of(outputs, evaluate(model.graph, records)))
        )

    def of_truth(answers: FloatArray, truth: NDArray[np.bool_]) -> FloatArray:
        """Of the true one of normal and abnormal, as it leaves the clinic."""
        normal = np.round(answers, 3)[:, 0]
        return np.asarray(np.where(truth, 1 - normal, normal))

    answers = answered(shown)
    own = of_truth(answers, labels > 0)
    own_population = of_truth(answered(inside.inputs[others]), inside.labels[others] > 0)
    for name, values in attacks(own, own_population).items():
        success = attack_success(values, members)
        yield MembershipRow(model.name, "probabilities, 3 decimals", name, success)
    right = (answers.argmax(axis=1) == labels).astype(float)
    yield MembershipRow(model.name, "labels only", "right or wrong", attack_success(right, members))
    yield from _ciphertext_rows(model, shown, labels > 0, members, seed, progress)


def _ciphertext_rows(
    model: TrainedModel,
    shown: FloatArray,
    abnormal: NDArray[np.bool_],
    members: NDArray[np.bool_],
    seed: int,
    progress: Progress,
) -> Iterator[MembershipRow]:
    """The classifier of bytes, first where there is something to find."""
    clear = np.stack([byte_features(each) for each in clear_requests(shown)])
    encrypted = ciphertext_features(
        model, shown, lambda done, total: progress("membership: ciphertext", done, total)
    )
    for target, sees, attack, table, truth in (
        (
            "positive control: requests in clear",
            "bytes",
            "the finding, from bytes",
            clear,
            abnormal,
        ),
        (model.name, "ciphertext", "the finding, from bytes", encrypted, abnormal),
        (model.name, "ciphertext", "membership, from bytes", encrypted, members),
    ):
        if min(truth.sum(), (~truth).sum()) < FEWEST_EACH:
            continue  # findings of one kind: no control from this data
        success = attack_success(
            trained_guess(table, truth, seed=seed),
            truth,
            independent=INDEPENDENT_GUESSES,
            seed=seed,
        )
        yield MembershipRow(target, sees, attack, success)
