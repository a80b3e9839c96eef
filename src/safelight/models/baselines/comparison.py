"""All baselines on one data set, and the encrypted models' figures beside them."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from safelight.circuit.outputs import Outputs, probabilities
from safelight.circuit.reference import evaluate
from safelight.errors import InputError
from safelight.imaging import Image, Preprocessing
from safelight.models.baselines.baseline import (
    CLASSIC,
    NAMES,
    Baseline,
    FloatArray,
    decisions,
    outputs_of,
)
from safelight.models.baselines.stored import save_baseline
from safelight.models.datasets.dataset import Dataset, check_labels
from safelight.models.datasets.split import Split
from safelight.models.measures import Measures, measure
from safelight.models.registry import load_model, model_names

Watch = Callable[[str, float, float], None]
_TIMED_INPUTS = 32


@dataclass(frozen=True)
class Row:
    """One model of the table.

    Args:
        name: Of the model.
        encrypted: Whether it also runs encrypted (then its weights are shipped).
        train: Measures of the training split.
        test: Measures of the test split.
        parameter_count: Numbers learned.
        fit_seconds: How long training took; None for a shipped model.
        milliseconds: For one input in the clear, the whole batch timed on this machine.
        notes: Epochs, temperature, and the like, for people.
    """

    name: str
    encrypted: bool
    train: Measures
    test: Measures
    parameter_count: int
    fit_seconds: float | None
    milliseconds: float
    notes: str

    def to_json(self) -> dict[str, Any]:
        """As plain values (docs/schemas/baselines.schema.json)."""
        return dataclasses.asdict(self)


def chosen_names(text: str | None) -> tuple[str, ...]:
    """Names from a list with commas; all without one.

    Raises:
        InputError: A name that is none of ours.
    """
    names = NAMES if not text else tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if name not in NAMES:
            raise InputError(
                f"there is no baseline {name[:40]!r}", hint=f"any of {', '.join(NAMES)}"
            )
    return names


def compare(
    dataset: Dataset,
    names: Sequence[str],
    *,
    minutes: float,
    epochs: int | None = None,
    seed: int = 0,
    save: Path | None = None,
    watch: Watch | None = None,
) -> Iterator[Row]:
    """Fits each baseline on the training split, and measures it on training and test.

    Everything chosen is chosen on validation; the test split is read once for each.

    Args:
        dataset: Images with labels.
        names: Which baselines.
        minutes: For each network.
        epochs: Of each network, instead of what fits ``minutes``.
        seed: Of everything random.
        save: Folder that gets a folder for each.
        watch: Called with progress.
    """
    check_labels(dataset)
    for name in names:
        start = time.perf_counter()
        baseline, notes = _fitted(name, dataset, minutes, epochs, seed, watch)
        seconds = time.perf_counter() - start
        if save is not None:
            save_baseline(save / name, baseline)
        yield _row(baseline, dataset, seconds, notes)


def shipped_rows(dataset: Dataset) -> Iterator[Row]:
    """The shipped models that were trained on this data set, in the clear."""
    for name in model_names():
        model = load_model(name)
        title = model.description.get("data", {}).get("name", "")
        if title != dataset.about.title or model.meaning.class_activation_map:
            continue
        steps = Preprocessing.from_json(dict(model.meaning.preprocessing))
        try:
            splits = {k: _prepared(steps, dataset.splits[k]) for k in ("train", "test")}
        except InputError:
            continue
        if splits["test"].shape[1:] != model.graph.input_shape:
            continue  # crops of another size
        outputs = model.meaning.outputs

        def answer(inputs: FloatArray, model: Any = model, outputs: Any = outputs) -> FloatArray:
            parts = np.array_split(inputs, max(1, len(inputs) // 256))
            logits = np.concatenate([evaluate(model.graph, part) for part in parts])
            return probabilities(outputs, logits)

        measured = {}
        for split, inputs in splits.items():
            measured[split] = _measured(outputs, dataset.splits[split], answer(inputs))
        count = sum(a.size for layer in model.graph.layers for a in layer.arrays.values())
        yield Row(
            name, True, measured["train"], measured["test"], count, None,
            _milliseconds(answer, splits["test"]), "runs encrypted; evaluated here in the clear",
        )  # fmt: skip


def _fitted(
    name: str,
    dataset: Dataset,
    minutes: float,
    epochs: int | None,
    seed: int,
    watch: Watch | None,
) -> tuple[Baseline, str]:
    about, outputs = dataset.about, outputs_of(dataset.about)
    data = {"name": about.title, "licence": about.licence, "attribution": about.attribution}
    if name in CLASSIC:
        steps = _classic_steps(dataset)
        parts = {k: _prepared(Preprocessing.from_json(steps), v) for k, v in dataset.splits.items()}
        train, columns = dataset.train, len(about.classes)
        if name == "random-forest":
            from safelight.models.baselines.forest import fit_forest

            predictor: Any = fit_forest(parts["train"], train.labels, columns, seed=seed)
            notes = f"{len(predictor.roots)} trees"
        else:
            from safelight.models.baselines.logistic import fit_logistic

            predictor = fit_logistic(
                parts["train"], train.labels, parts["val"], dataset.val.labels, columns
            )
            notes = "penalty chosen on validation"
        shape = parts["train"].shape[1:]
        made = Baseline(name, shape, steps, outputs, predictor, data, {"seed": seed})
        return made, notes
    return _fitted_network(name, dataset, minutes, epochs, seed, watch, data)


def _fitted_network(
    name: str,
    dataset: Dataset,
    minutes: float,
    epochs: int | None,
    seed: int,
    watch: Watch | None,
    data: dict[str, str],
) -> tuple[Baseline, str]:
    try:
        import torch

        from safelight.models.baselines.fitting import fit_network
        from safelight.models.baselines.networks import input_side
        from safelight.models.training.pixels import Normalisation
        from safelight.models.training.profiles import profile
    except ImportError as exc:
        raise InputError(
            f"the baseline {name!r} needs PyTorch, which is not installed",
            hint="pip install 'safelight[baselines]'",
        ) from exc
    norm = Normalisation.of(dataset.train.inputs)
    channels = 3 if dataset.train.inputs.ndim == 4 else 1
    side = input_side(name, max(dataset.train.inputs.shape[1:3]))
    steps = norm.preprocessing((channels, side, side))
    plain = Preprocessing.from_json({**steps, "steps": steps["steps"][:-1]})  # before normalising
    parts = {
        key: torch.from_numpy(_prepared(plain, dataset.splits[key])).float()
        for key in ("train", "val")
    }

    def told(epoch: int, count: int, _loss: float) -> None:
        if watch is not None:
            watch("baseline", epoch, count)

    outputs = outputs_of(dataset.about)
    predictor, done = fit_network(
        name, parts["train"], dataset.train.labels, parts["val"], dataset.val.labels,
        about=dataset.about, outputs=outputs, normalise=norm,
        augmentation=profile(dataset.about.kind, len(dataset.train)),
        minutes=minutes, epochs=epochs, seed=seed, told=told,
    )  # fmt: skip
    training = {"seed": seed, "epochs": done, "threads": torch.get_num_threads()}
    made = Baseline(
        name, (channels, side, side), steps, predictor.outputs, predictor, data, training
    )
    return made, f"{done} epochs at {side}×{side}, temperature {predictor.outputs.temperature:.3g}"


def _classic_steps(dataset: Dataset) -> dict[str, Any]:
    shape = dataset.train.inputs.shape
    side = min(shape[1:3])
    steps: list[dict[str, Any]] = []
    if dataset.train.inputs.dtype != np.uint8:
        steps.append({"step": "window", "center_hu": -400.0, "width_hu": 1600.0})
    steps.append({"step": "colour" if len(shape) == 4 else "greyscale"})
    steps += [{"step": "center_crop_square"}, {"step": "resize", "height": side, "width": side}]
    return {"version": 1, "steps": steps}


def _prepared(steps: Preprocessing, split: Split) -> FloatArray:
    scale = steps.value_scale
    return np.stack([steps.apply(Image.from_array(i, value_scale=scale)) for i in split.inputs])


def _row(baseline: Baseline, dataset: Dataset, seconds: float, notes: str) -> Row:
    steps = Preprocessing.from_json(dict(baseline.preprocessing))
    measured, test = {}, np.zeros(0)
    for split in ("train", "test"):
        test = _prepared(steps, dataset.splits[split])
        chances = baseline.probabilities(test)
        measured[split] = _measured(baseline.outputs, dataset.splits[split], chances)
    return Row(
        baseline.name, False, measured["train"], measured["test"],
        baseline.predictor.parameter_count, round(seconds, 1),
        _milliseconds(baseline.probabilities, test), notes,
    )  # fmt: skip


def _measured(outputs: Outputs, split: Split, chances: FloatArray) -> Measures:
    return measure(
        split.labels,
        np.clip(chances, 0.0, 1.0),
        decisions(outputs, chances),
        classes=outputs.classes,
        positive=outputs.classes.index(outputs.positive),
        threshold=outputs.threshold,
        kind=outputs.kind,
    )


def _milliseconds(answer: Callable[[FloatArray], FloatArray], inputs: FloatArray) -> float:
    part = inputs[:_TIMED_INPUTS]
    answer(part[:1])
    start = time.perf_counter()
    answer(part)
    return 1000 * (time.perf_counter() - start) / len(part)
