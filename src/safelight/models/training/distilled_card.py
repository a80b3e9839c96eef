"""The card of a shipped image model: what it is for, what it can, what it cannot."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safelight.errors import InputError
from safelight.models.training.distilled_model import Words


def write_distilled_card(
    folder: Path, words: Words, description: Mapping[str, Any], result: Mapping[str, Any]
) -> None:
    """Writes ``card.md`` from ``model.json``, an evaluation, and words.

    Raises:
        InputError: The data have no licence or attribution.
    """
    data = description.get("data", {})
    if not data.get("licence") or not data.get("attribution"):
        raise InputError(
            "a model card needs the licence and the attribution of the data",
            hint="give both with the data set",
        )
    outputs = description["outputs"]
    decision = (
        f"Finding: {outputs['positive']}; a probability of {outputs['threshold']} or more."
        if len(outputs["classes"]) == 2
        else "The most probable class decides; AUC is the mean of each class against the rest."
    )
    lines = [
        f"# {description['name']}",
        "",
        f"{description['title']}. Version {description['version']}.",
        "",
        "## Intended use",
        words.intended_use,
        "",
        "## Data",
        f"{data['name']}. {data['attribution']}. Licence: {data['licence']}.",
        "",
        "## How it was made",
        words.made,
        "",
        f"Training command: `{description['training']['command']}`",
        "",
        "## Results on the test split, in the clear",
        f"{decision} In brackets a 95 % interval from a stratified bootstrap. The test split was "
        "read after all choices. ReLU twin: the same network with ReLU, from the same "
        "teacher, lessons and seeds; it cannot run encrypted.",
        "",
        "| measure | value |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in _rows(result, outputs["classes"])),
        "",
        "## Limits",
        *(f"- {limit}" for limit in words.limits),
    ]
    (folder / "card.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rows(result: Mapping[str, Any], classes: list[str]) -> list[tuple[str, str]]:
    rows = [
        ("images", f"{result['n']}"),
        ("AUC", _with_interval(result, "auc")),
        ("accuracy", _with_interval(result, "accuracy")),
    ]
    keys = ("sensitivity", "specificity", "precision", "f1", "mean_grade_error", "rmse", "log_loss")
    rows += [(key.replace("_", " "), f"{result[key]:.3f}") for key in keys if key in result]
    if "auc_of_each" in result:
        each = ", ".join(
            f"{name} {value:.3f}"
            for name, value in zip(classes, result["auc_of_each"], strict=True)
        )
        rows.append(("AUC of each class", each))
    else:
        confusion = result["confusion"]
        for kind in ("positive", "negative"):
            counts = f"{confusion[f'true_{kind}']} / {confusion[f'false_{kind}']}"
            rows.append((f"true / false {kind}s", counts))
    for key, title in (("seeds", "over seeds"), ("relu_twin", "of the ReLU twin over seeds")):
        for measure, spread in result[key].items():
            rows.append((f"{_spelled(measure)} {title}", _spread(spread)))
    for key, title in (("seeds_folds", "five folds"), ("relu_twin_folds", "ReLU twin, five folds")):
        for measure, spread in result.get(key, {}).items():
            rows.append((f"{_spelled(measure)}, {title} (mean of seeds in each)", _spread(spread)))
    return rows


def _spelled(measure: str) -> str:
    return "AUC" if measure == "auc" else measure


def _spread(spread: Mapping[str, Any]) -> str:
    values = ", ".join(f"{value:.4f}" for value in spread["values"])
    return f"{spread['mean']:.4f} ± {spread['std']:.4f} ({values})"


def _with_interval(result: Mapping[str, Any], key: str) -> str:
    low, high = result[f"{key}_interval"]
    return f"{result[key]:.4f} ({low:.3f} … {high:.3f})"
