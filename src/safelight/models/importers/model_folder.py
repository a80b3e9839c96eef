"""``model.json``, ``weights.npz`` and the card of an imported model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.compiler import Compiled
from safelight.circuit.graph import Graph, Layer
from safelight.imaging import Preprocessing
from safelight.models.importers.imported_model import Agreement, ImportedModel
from safelight.models.importers.input_steps import Prepared
from safelight.models.importers.options import ImportOptions
from safelight.models.importers.replacement import Replaced
from safelight.models.licence import UNSTATED_ATTRIBUTION, UNSTATED_LICENCE

FORMAT = "safelight-model-1"  # of safelight.models.registry


def describe(
    graph: Graph,
    compiled: Compiled,
    prepared: Prepared,
    replaced: Sequence[Replaced],
    agreement: Agreement,
    chosen: ImportOptions,
) -> tuple[dict[str, Any], dict[str, NDArray[np.float64]]]:
    """The description and the weights, in the shipped form."""
    signature = compiled.signature
    weights: dict[str, NDArray[np.float64]] = {}
    nodes = [_node(layer, weights) for layer in graph.layers]
    flat = len(graph.input_shape) == 1
    description: dict[str, Any] = {
        "format": FORMAT,
        "name": chosen.name,
        "version": chosen.version,
        "title": signature.title,
        "input_shape": list(graph.input_shape),
        "input_bound": prepared.bound,
        "records": ("all" if flat else 1) if chosen.records is None else chosen.records,
        "preprocessing": dict(signature.preprocessing),
        "features": list(signature.input_names),
        "nodes": nodes,
        "output": graph.layers[-1].name,
        "outputs": {
            "classes": list(signature.outputs.classes),
            "activation": signature.outputs.activation,
            "positive": signature.outputs.positive,
            "threshold": signature.outputs.threshold,
            "class_activation_map": chosen.class_activation_map,
        },
        "ranges": {name: list(interval) for name, interval in graph.ranges.items()},
        "data": {
            "name": "",
            "licence": chosen.licence or UNSTATED_LICENCE,
            "attribution": chosen.attribution or UNSTATED_ATTRIBUTION,
        },
        "imported": {
            "replaced": [asdict(one) for one in replaced],
            "agreement": asdict(agreement),
            "fine_tune_epochs": chosen.fine_tune,
            "notes": list(prepared.draft.notes),
        },
    }
    return description, weights


def _node(layer: Layer, weights: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    node: dict[str, Any] = {"name": layer.name, "op": layer.op, "inputs": list(layer.inputs)}
    for role, array in layer.arrays.items():
        key = f"{layer.name}.{role}"
        weights[key] = np.asarray(array, dtype=np.float64)
        node[role] = key
    node |= {role: list(pair) for role, pair in layer.sizes.items()}
    if layer.op == "batch_norm":
        node["epsilon"] = layer.epsilon
    return node


def card_text(imported: ImportedModel, chosen: ImportOptions) -> str:
    """``card.md``."""
    agreement = imported.agreement
    data = imported.description["data"]
    outputs = imported.compiled.signature.outputs
    lines = [
        f"# {chosen.name}",
        "",
        f"{imported.compiled.signature.title}. Version {chosen.version}.",
        "",
        "## Intended use",
        "Imported from another framework with `safelight import`. Research use only; not a "
        "medical device. Its maker must say what it is for and on whom it was tested.",
        "",
        "## Data",
        f"{data['attribution']}. Licence: {data['licence']}.",
        "",
        "## How it was made",
        "| activation | layer | degree | inputs on calibration data | relative error |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {one.activation} | {one.layer} | {one.degree} | {one.low:.4g} … {one.high:.4g} | "
            f"{one.error:.2%} |"
            for one in imported.replaced
        ),
        "",
        *imported.draft.notes,
        "",
        "## Against the original, in the clear",
        f"{agreement.records} calibration records"
        + (", kept apart from the fit." if agreement.held_out else ", those of the fit."),
        "",
        "| measure | value |",
        "| --- | --- |",
        f"| same decision | {agreement.decisions:.2%} |",
        f"| largest difference of a probability | {agreement.probability_error:.4f} |",
        f"| largest difference of a logit | {agreement.logit_error:.4g} (spread of the logits "
        f"{agreement.logit_spread:.4g}) |",
    ]
    if agreement.accuracy is not None:
        before, after = agreement.accuracy
        lines.append(f"| accuracy, original and replaced | {before:.4f} and {after:.4f} |")
    steps = Preprocessing.from_json(dict(imported.compiled.signature.preprocessing))
    for part in steps.public_parts:
        lines += [
            "",
            "## Public part",
            f"`{part.name}` runs in the clear at the clinic, and its weights are public: "
            f"{part.does}. SHA-256 `{part.digest}`.",
        ]
    lines += [
        "",
        f"Classes: {', '.join(outputs.classes)}; the probability is that of {outputs.positive}.",
        "",
        "## Limits",
        "- Inputs unlike the calibration data may leave the polynomials' ranges; then the answer "
        "is meaningless, and the service cannot notice.",
    ]
    return "\n".join(lines) + "\n"
