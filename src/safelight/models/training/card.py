"""The model card: what a clinician and a vendor have to know before they use a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safelight.errors import InputError

_PARTICULARS = {
    "cxr-pneumonia-28": "cxr",
    "cxr-pneumonia-28-fast": "cxr",
    "wdbc-logistic": "wdbc",
}

_INTENDED = {
    "cxr": (
        "To show and measure encrypted inference on frontal chest radiographs of children, the "
        "population it was trained on. For research and education. It is not a medical device "
        "and no decision about a patient may rest on it."
    ),
    "wdbc": (
        "To show and measure encrypted inference on a record: 30 features of cell nuclei from a "
        "fine-needle aspirate of a breast mass. For research and education. It is not a medical "
        "device and no decision about a patient may rest on it."
    ),
}

_LIMITS = {
    "cxr": (
        "Images of one to five year old patients of one hospital (Guangzhou); adults and other "
        "devices were not tested.",
        "28×28 pixels: small findings are invisible to it.",
        "It knows normal and pneumonia only; any other disease gets one of these answers.",
        "The data set is split by image, not by patient, so its validation figures flatter.",
        "Test images differ from validation images (AUC falls by two to three points): expect "
        "another such step at your site, and set the threshold on images of your own.",
        "18 training and 3 test images are repeats; no test image occurs in training.",
    ),
    "wdbc": (
        "One institution, 1995; features come from a semi-automatic outline of the nuclei and "
        "can't be computed from an image by this software.",
        "569 patients: one of the 114 held out is 0.9 points of accuracy.",
    ),
}

_SELECTION = {
    "cxr": (
        "Networks with one quadratic a channel after batch norm, distilled from an ensemble of "
        "residual ReLU networks trained on the same images. The seed was chosen by validation log "
        "loss over the validation images and disturbed copies of them, the temperature fitted on "
        "the validation images, both with equal weight for both classes. The threshold is 0.5 by "
        "a rule fixed beforehand: training weighs both classes alike. The test split was read "
        "once, after all of this (an earlier quick trial of such networks had reported its test "
        "figures; no choice here used them)."
    ),
    "wdbc": (
        "Scaler and logistic regression (C = 1, scikit-learn's default) fitted on the 455 "
        "training patients of the split with random_state 42. Nothing was chosen by hand or by "
        "data. The scaler is public, in the preprocessing; the weights are the service's."
    ),
}


_SPELLED = {"auc": "AUC"}


def write_card(folder: Path, description: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Writes ``card.md`` from ``model.json`` and an evaluation.

    Raises:
        InputError: The model has no licence or attribution, or we have no words for it.
    """
    data = description.get("data", {})
    kind = _PARTICULARS.get(description["name"])
    if not data.get("licence") or not data.get("attribution"):
        raise InputError("a model card needs the licence and the attribution of the data")
    if kind is None:
        raise InputError(f"the card of {description['name']!r} has no intended use")
    confusion = result["confusion"]
    rows = [
        ("patients or images", f"{result['n']}"),
        ("AUC", _with_interval(result, "auc")),
        ("accuracy", _with_interval(result, "accuracy")),
        *((name, f"{result[name]:.3f}") for name in ("sensitivity", "specificity", "precision")),
        *((name, f"{result[name]:.3f}") for name in ("f1", "rmse")),
        ("log loss", f"{result['log_loss']:.3f}"),
        ("true / false positives", _counts(confusion, "positive")),
        ("true / false negatives", _counts(confusion, "negative")),
    ]
    for key, whose in (("seeds", ""), ("relu_twin", "of the ReLU twin ")):
        for measure, spread in result.get(key, {}).items():
            values = ", ".join(f"{value:.4f}" for value in spread["values"])
            text = f"{spread['mean']:.4f} ± {spread['std']:.4f} ({values})"
            rows.append((f"{_SPELLED.get(measure, measure)} {whose}over seeds", text))
    twin = (
        " ReLU twin: the same network with ReLU, from the same teacher, lessons and seeds; it "
        "cannot run encrypted."
        if "relu_twin" in result
        else ""
    )
    positive = description["outputs"]["positive"]
    lines = [
        f"# {description['name']}",
        "",
        description["title"] + f". Version {description['version']}.",
        "",
        "## Intended use",
        _INTENDED[kind],
        "",
        "## Data",
        f"{data['name']}. {data['attribution']}. Licence: {data['licence']}.",
        "",
        "## How it was made",
        _SELECTION[kind],
        "",
        f"Training command: `{description['training']['command']}`",
        "",
        "## Results on the official test split, in the clear",
        f"Finding: {positive}; a probability of {description['outputs']['threshold']} or more. "
        f"In brackets a 95 % interval from a stratified bootstrap.{twin}",
        "",
        "| measure | value |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in rows),
        "",
        "## Limits",
        *(f"- {limit}" for limit in _LIMITS[kind]),
    ]
    (folder / "card.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _with_interval(result: Mapping[str, Any], key: str) -> str:
    low, high = result[f"{key}_interval"]
    return f"{result[key]:.4f} ({low:.3f} … {high:.3f})"


def _counts(confusion: Mapping[str, int], kind: str) -> str:
    return f"{confusion[f'true_{kind}']} / {confusion[f'false_{kind}']}"
