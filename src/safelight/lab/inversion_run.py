"""Model inversion against a served model: what is seen, how it is turned back, how well.

Two controls frame every row: the mean of public images, which needs no attack, and the attack on
the network's hidden values, which has to succeed (they hold most of the image).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import INPUT
from safelight.circuit.outputs import logits_of, probabilities
from safelight.circuit.reference import evaluate, evaluate_all
from safelight.errors import InputError
from safelight.lab.ciphertext_guess import byte_features, ciphertext_features, clear_requests
from safelight.lab.inversion import (
    FloatArray,
    Prior,
    dense_gradient,
    gradient_inversion,
    trained_inversion,
    white_box_inversion,
)
from safelight.lab.picture_similarity import peak_signal_to_noise_db, structural_similarity
from safelight.models.held_out import held_out
from safelight.models.registry import TrainedModel

_COMPONENTS = 48
_PUBLIC = 600
_PUBLIC_CIPHERTEXTS = 60
_ROUNDING = 3e-4  # standard deviation of rounding to three decimals
_CANDIDATES = 20
FEWEST_TARGETS = 10
_BATCH = 8
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class InversionRow:
    """One attack; means over the records under attack.

    Args:
        attack: What is done.
        sees: What the attacker sees of a record.
        knows: The model, or examples.
        ssim: To the model's input, 0.5 % and 99.5 % of public values as black and white.
        ssim_low: Lower end of its 95 % interval.
        ssim_high: Upper end.
        psnr_db: Of the same.
        feature_distance: Between the model's activations of both, each place's channels scaled to
            length 1 (as LPIPS does with a network for photographs); 0 for the same picture.
        reidentified: Share of records told from 19 others by the reconstruction; 0.05 at chance.
        better_than_mean: Share of records whose SSIM beats the mean image's.
        records: How many.
    """

    attack: str
    sees: str
    knows: str
    ssim: float
    ssim_low: float
    ssim_high: float
    psnr_db: float
    feature_distance: float
    reidentified: float
    better_than_mean: float
    records: int


@dataclass(frozen=True)
class Inversion:
    """A run.

    Args:
        rows: One an attack.
        pictures: A few of each, uint8 ``[shown, rows, columns]``.
    """

    rows: tuple[InversionRow, ...]
    pictures: dict[str, NDArray[np.uint8]]

    def to_json(self) -> dict[str, Any]:
        """The rows."""
        return {"rows": [asdict(row) for row in self.rows]}


def invert(
    model: TrainedModel,
    *,
    records: int = 40,
    seed: int = 0,
    shown: int = 3,
    progress: Progress = lambda *_: None,
) -> Inversion:
    """Attacks the first records of the test split.

    Args:
        model: Of greyscale images, with data at hand.
        records: How many to attack.
        seed: Of every choice.
        shown: How many to keep pictures of.
        progress: Told of (phase, done, total).

    Raises:
        InputError: Not a model of greyscale images, or fewer than 10 records.
    """
    public, private = held_out(model, split="train").inputs, held_out(model, split="test").inputs
    shape = model.graph.input_shape
    if len(shape) != 3 or shape[0] != 1:
        raise InputError(
            f"{model.name!r} takes {list(shape)}, not one greyscale image",
            hint="take a model of greyscale images",
        )
    rng = np.random.default_rng(seed)
    targets = private[rng.permutation(len(private))[:records]]
    if len(targets) < FEWEST_TARGETS:
        raise InputError(
            f"{len(targets)} records are too few for an interval",
            hint=f"attack at least {FEWEST_TARGETS}",
        )
    known = public[rng.permutation(len(public))[:_PUBLIC]].reshape(-1, targets[0].size)
    judge = _Judge(known, targets, shown, seed, lambda images: _activations(model, images))
    rows = [
        judge.row(attack, sees, knows, found)
        for attack, sees, knows, found in _attacks(model, known, targets, rng, progress)
    ]
    return Inversion(tuple(rows), judge.pictures)


def _attacks(
    model: TrainedModel,
    known: FloatArray,
    targets: FloatArray,
    rng: np.random.Generator,
    progress: Progress,
) -> Iterator[tuple[str, str, str, FloatArray]]:
    """(attack, sees, knows, reconstructions)."""
    flat = targets.reshape(len(targets), -1)
    prior = Prior.of(known, _COMPONENTS)
    outputs, graph = model.meaning.outputs, model.graph

    def probability(images: FloatArray) -> FloatArray:
        return probabilities(outputs, logits_of(outputs, evaluate(graph, images)))[:, :1]

    hidden_name = next((layer.name for layer in graph.layers if layer.op == "polynomial"), INPUT)

    def hidden(images: FloatArray) -> FloatArray:
        return evaluate_all(graph, images)[hidden_name].reshape(len(images), -1)

    yield "control: mean image", "nothing", "public images", np.stack([prior.mean] * len(flat))
    count = _PUBLIC_CIPHERTEXTS
    wire = ciphertext_features(
        model, np.concatenate([known[:count].reshape(-1, *targets.shape[1:]), targets]),
        lambda done, total: progress("inversion: ciphertext", done, total),
    )  # fmt: skip
    found = trained_inversion(wire[:count], known[:count], wire[count:])
    yield "trained inversion", "ciphertext", f"{count} examples", found
    clear = np.stack(
        [byte_features(each) for each in clear_requests(np.concatenate([known[:count], flat]))]
    )
    found = trained_inversion(clear[:count], known[:count], clear[count:])
    yield "positive control: the same", "requests in clear", f"{count} examples", found
    answers, asked = np.round(probability(known), 3), np.round(probability(flat), 3)
    found = trained_inversion(answers, known, asked)
    yield "trained inversion", "probability, 3 decimals", f"{len(known)} examples", found
    yield (
        "white box",
        "probability, 3 decimals",
        "the model",
        _each(probability, asked, prior, _ROUNDING, "inversion: white box", progress),
    )
    values = hidden(flat)
    noise = 0.05 * float(values.std())
    yield (
        "positive control: white box",
        "hidden values (first activation)",
        "the model",
        _each(hidden, values, prior, noise, "inversion: hidden", progress),
    )
    for batch in (1, _BATCH):
        found = np.stack(
            [
                gradient_inversion(dense_gradient(np.roll(flat, -start, axis=0)[:batch], rng))
                for start in range(len(flat))
            ]
        )
        yield (
            "gradient inversion",
            f"gradient of {batch} record{'s' if batch > 1 else ''}",
            "a dense network",
            found,
        )


def _each(
    answer: Callable[[FloatArray], FloatArray],
    seen: FloatArray,
    prior: Prior,
    noise: float,
    phase: str,
    progress: Progress,
) -> FloatArray:
    found = []
    for done, target in enumerate(seen):
        found.append(white_box_inversion(answer, target, prior, noise=noise))
        progress(phase, done + 1, len(seen))
    return np.stack(found)


def _activations(model: TrainedModel, images: FloatArray) -> list[FloatArray]:
    """Of each activation layer ``[n, channels, places]``, channels of a place at length 1."""
    values = evaluate_all(model.graph, images)
    found = []
    for layer in model.graph.layers:
        if layer.op == "polynomial":
            own = values[layer.name]
            own = own.reshape(*own.shape[:2], -1) if own.ndim > 2 else own[:, :, None]
            found.append(own / (np.linalg.norm(own, axis=1, keepdims=True) + 1e-9))
    return found


class _Judge:
    """Scores reconstructions as pictures."""

    def __init__(
        self,
        known: FloatArray,
        targets: FloatArray,
        shown: int,
        seed: int,
        activations: Callable[[FloatArray], list[FloatArray]],
    ) -> None:
        self._activations = activations
        self._low, self._high = np.percentile(known, [0.5, 99.5])
        self._shape = targets.shape[2:]
        self._flat = targets.reshape(len(targets), -1)
        self._truth = self._pictures(self._flat)
        mean = self._pictures(known.mean(axis=0)[None])[0]
        self._mean = np.array([structural_similarity(t, mean) for t in self._truth])
        self._rng = np.random.default_rng(seed + 1)
        self._shown = shown
        self._features = activations(self._flat)
        self.pictures = {"model input": self._truth[:shown]}

    def _pictures(self, values: FloatArray) -> NDArray[np.uint8]:
        scaled = 255 * (values - self._low) / (self._high - self._low)
        pictures = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
        return np.asarray(pictures.reshape(-1, *self._shape))

    def row(self, attack: str, sees: str, knows: str, found: FloatArray) -> InversionRow:
        pictures = self._pictures(found)
        self.pictures[f"{attack}: {sees}"] = pictures[: self._shown]
        pairs = list(zip(self._truth, pictures, strict=True))
        ssim = np.array([structural_similarity(*pair) for pair in pairs])
        drawn = self._rng.choice(ssim, (500, len(ssim))).mean(axis=1)
        low, high = np.percentile(drawn, [2.5, 97.5])
        psnr = [min(peak_signal_to_noise_db(*pair), 99.0) for pair in pairs]
        return InversionRow(
            attack=attack,
            sees=sees,
            knows=knows,
            ssim=float(ssim.mean()),
            ssim_low=float(low),
            ssim_high=float(high),
            psnr_db=float(np.mean(psnr)),
            feature_distance=self._feature_distance(found),
            reidentified=self._reidentified(found),
            better_than_mean=float((ssim > self._mean).mean()),
            records=len(ssim),
        )

    def _feature_distance(self, found: FloatArray) -> float:
        """Mean over activations of the squared distance of their unit vectors."""
        pairs = zip(self._features, self._activations(found), strict=True)
        return float(np.mean([((own - other) ** 2).sum(axis=1).mean() for own, other in pairs]))

    def _reidentified(self, found: FloatArray) -> float:
        """Share whose nearest candidate, of the record and others, is the record itself."""
        hits = 0
        for index, reconstruction in enumerate(found):
            others = np.delete(np.arange(len(self._flat)), index)
            wanted = min(_CANDIDATES - 1, len(others))
            chosen = self._flat[self._rng.choice(others, wanted, replace=False)]
            own = ((reconstruction - self._flat[index]) ** 2).sum()
            hits += bool(own < ((reconstruction - chosen) ** 2).sum(axis=1).min())
        return hits / len(found)
