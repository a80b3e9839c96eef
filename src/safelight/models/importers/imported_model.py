"""What an import gives: the model, its triple, and how far it is from the original."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.compiler import Compiled
from safelight.circuit.graph import FloatArray, Graph
from safelight.circuit.reference import evaluate
from safelight.imaging import Preprocessing
from safelight.models.importers.draft import Draft
from safelight.models.importers.replacement import Replaced

PUBLIC_FILE = "public-part.onnx"


@dataclass(frozen=True)
class Agreement:
    """Original and replaced model on calibration records that no fit has seen.

    Args:
        records: How many.
        held_out: False where there were too few records to keep some apart.
        decisions: Share with the same class.
        logit_error: Largest difference of a logit.
        logit_spread: Standard deviation of the original's logits, for comparison.
        probability_error: Largest difference of a probability.
        accuracy: (original, replaced) share of correct classes, where labels are known.
    """

    records: int
    held_out: bool
    decisions: float
    logit_error: float
    logit_spread: float
    probability_error: float
    accuracy: tuple[float, float] | None = None


@dataclass(frozen=True)
class ImportedModel:
    """A model that can be served.

    Args:
        draft: As the source means it; `Draft.evaluate` gives the source's logits.
        graph: As it is encrypted.
        description: ``model.json``.
        weights: ``weights.npz``.
        compiled: The triple.
        replaced: The activations, with their errors.
        agreement: With the original.
        card: ``card.md``.
        public_files: Files that the clinic needs, by name.
    """

    draft: Draft
    graph: Graph
    description: Mapping[str, Any]
    weights: Mapping[str, NDArray[np.float64]]
    compiled: Compiled
    replaced: tuple[Replaced, ...]
    agreement: Agreement
    card: str
    public_files: Mapping[str, bytes]

    def evaluate(self, inputs: FloatArray) -> FloatArray:
        """Logits ``[records, outputs]`` of preprocessed inputs, in the clear."""
        return evaluate(self.graph, inputs)

    def save(self, folder: str | Path) -> Path:
        """Writes the model folder: ``model.json``, ``weights.npz``, ``packing.json``, card, files.

        Returns:
            The folder, which is made where it is missing.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.description, indent=2, ensure_ascii=False, allow_nan=False)
        (target / "model.json").write_text(text + "\n", encoding="utf-8")
        np.savez_compressed(target / "weights.npz", allow_pickle=False, **dict(self.weights))
        packing = json.dumps(self.compiled.packing.to_json()) + "\n"
        (target / "packing.json").write_text(packing, encoding="utf-8")
        (target / "card.md").write_text(self.card, encoding="utf-8")
        for name, content in self.public_files.items():
            (target / name).write_bytes(content)
        return target

    def report(self) -> dict[str, Any]:
        """What was replaced and how well, as JSON (docs/schemas/import.schema.json)."""
        parameters = self.compiled.program.parameters
        steps = Preprocessing.from_json(dict(self.compiled.signature.preprocessing))
        return {
            "name": self.description["name"],
            "input_shape": list(self.graph.input_shape),
            "classes": list(self.compiled.signature.outputs.classes),
            "replaced": [asdict(one) for one in self.replaced],
            "agreement": asdict(self.agreement),
            "parameters": {"n": parameters.n, "primes": len(parameters.primes)},
            "records": self.compiled.signature.records,
            "rotation_keys": len(self.compiled.requirements.galois_levels),
            "public_parts": [asdict(part) for part in steps.public_parts],
            "notes": list(self.draft.notes),
        }
