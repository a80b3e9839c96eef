"""The card of a model that `safelight train` made: what a person must know before using it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safelight.errors import InputError
from safelight.models.training.repetition import repeating, repeats_exactly, toml_text

_INTENDED = (
    "For research and education, on images like those it was trained on. It is not a medical "
    "device and no decision about a patient may rest on it."
)


def card_text(description: Mapping[str, Any]) -> str:
    """Markdown from ``model.json``.

    Raises:
        InputError: The model has no licence or attribution.
    """
    data, training = description.get("data", {}), description["training"]
    if not data.get("licence") or not data.get("attribution"):
        raise InputError(
            "a model card needs the licence and the attribution of the data",
            hint="give licence and attribution under [data]",
        )
    outputs, validation = description["outputs"], training["validation"]
    source = f" {data['source']}" if data.get("source") else ""
    rows = [
        ("images", f"{validation['n']}"),
        ("AUC", f"{validation['auc']:.4f}"),
        ("AUC over seeds", _spread(validation)),
    ]
    if validation["teacher_auc"] is not None:
        rows.append(("AUC of the ReLU teacher", f"{validation['teacher_auc']:.4f}"))
    lines = [
        f"# {description['name']}",
        "",
        f"{description['title']}. Version {description['version']}.",
        "",
        "## Intended use",
        training["intended_use"] or _INTENDED,
        "",
        "## Data",
        f"{data['name']}. {data['attribution']}. Licence: {data['licence']}.{source}",
        "",
        "## Answers",
        f"{_TASKS[outputs['activation']]}: {', '.join(outputs['classes'])}. "
        f"Operating point: {outputs['threshold']:g}"
        + (f" on the probability of {outputs['positive']}." if _is_binary(outputs) else "."),
        "",
        "## How it was made",
        _made(training, validation["teacher_auc"] is not None),
        "",
        f"Command: `{training['command']}`",
        "",
        *_repetition(training),
        "## Results on validation images, in the clear",
        "Every choice was made on these images, so they flatter. The test images were not read; "
        "`safelight evaluate` reads them.",
        "",
        "| measure | value |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "## Limits",
        f"- {description['input_shape'][-1]} pixels a side: smaller findings are invisible to it.",
        "- It knows its classes only; anything else gets one of these answers.",
        "- Other devices and sites were not tested: measure it on images of your own.",
    ]
    return "\n".join(lines) + "\n"


_TASKS = {
    "sigmoid": "One of two classes",
    "softmax": "One of several classes",
    "sigmoid_each": "Any of several findings",
}


def _is_binary(outputs: Mapping[str, Any]) -> bool:
    return bool(outputs["activation"] == "sigmoid")


def _made(training: Mapping[str, Any], taught: bool) -> str:
    epochs = ", ".join(map(str, training["epochs"]))
    norm = "" if training.get("privacy") else " after batch norm"
    text = (
        f"Network {training['network']!r} with one quadratic a channel{norm}, trained "
        f"on {training['images']} images, seeds {', '.join(map(str, training['seeds']))} for "
        f"{epochs} epochs"
    )
    text += ", distilled from residual ReLU networks trained on the same images." if taught else "."
    chosen = (
        f" Seed {training['seed']} has the least validation loss; ranges come from "
        + ("" if training.get("privacy") else "training and ")
        + "validation images, the temperature from validation."
    )
    privacy = training.get("privacy")
    if privacy:
        chosen += (
            f" Trained with differential privacy: ε = {privacy['epsilon']:.2f}, "
            f"δ = {privacy['delta']:.1e} for adding or leaving out one training image (not one "
            "patient). Validation images chose the epoch, ranges and temperature and are not "
            "protected."
        )
    refused = "".join(f" {reason[0].upper()}{reason[1:]}." for reason in training["refused"])
    return text + chosen + refused


def _repetition(training: Mapping[str, Any]) -> list[str]:
    told = (
        "To repeat it: `safelight train` with this configuration, beside the data, gives the same "
        "weights on a machine of the same kind."
        if repeats_exactly(training)
        else "The clock ended this training early, so its very weights cannot be had again. This "
        "configuration trains as it was planned."
    )
    return [told, "", "```toml", toml_text(repeating(training)) + "```", ""]


def _spread(validation: Mapping[str, Any]) -> str:
    values = ", ".join(f"{auc:.4f}" for auc in validation["auc_of_seeds"])
    mean, std = validation["auc_mean_over_seeds"], validation["auc_std_over_seeds"]
    return f"{mean:.4f} ± {std:.4f} ({values})"
