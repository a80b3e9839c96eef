"""The shipped models: from ``model.json`` and ``weights.npz`` to a compiled triple."""

from __future__ import annotations

import functools
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from safelight.circuit.compiler import Compiled, ModelMeaning, compile_graph
from safelight.circuit.graph import Graph, graph_from_model
from safelight.circuit.packing import Packing
from safelight.circuit.signature import Outputs
from safelight.errors import CompileError
from safelight.models.model_folder import SHIPPED as SHIPPED
from safelight.models.model_folder import model_folder
from safelight.models.model_folder import model_names as model_names

FORMAT = "safelight-model-1"
PACKING_FILE = "packing.json"
MAX_MODEL_JSON_BYTES = 4 << 20  # ranges, classes and steps: kilobytes
MAX_WEIGHTS_BYTES = 256 << 20


@dataclass(frozen=True)
class TrainedModel:
    """A trained model as it is stored.

    Args:
        name: Its name.
        description: The content of ``model.json``.
        graph: Its layers and weights.
        meaning: What the signature says beside the arithmetic.
        digest: SHA-256 over both files.
        folder: Where it lies, with ``card.md``.
    """

    name: str
    description: Mapping[str, Any]
    graph: Graph
    meaning: ModelMeaning
    digest: bytes
    folder: Path

    @property
    def records(self) -> int | None:
        """Inputs that share a ciphertext; None for as many as fit."""
        wanted = self.description.get("records", 1)
        return None if wanted == "all" else int(wanted)

    @property
    def packing(self) -> Packing | None:
        """The recorded choice of the packing search, ``packing.json``."""
        path = self.folder / PACKING_FILE
        if not path.is_file():
            return None
        try:
            return Packing.from_json(json.loads(_bounded(path, MAX_MODEL_JSON_BYTES)))
        except ValueError as exc:
            raise CompileError(f"{PACKING_FILE} of {self.name!r} is damaged") from exc

    def record_packing(self, packing: Packing) -> None:
        """Writes ``packing.json``, so that compiling needs no search."""
        text = json.dumps(packing.to_json()) + "\n"
        (self.folder / PACKING_FILE).write_text(text, encoding="utf-8")

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        path = self.folder / "card.md"
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def load_model(name: str) -> TrainedModel:
    """A shipped model by name, or a model in a folder by its path.

    Raises:
        UnknownModelError: Neither.
        CompileError: Its files are damaged.
    """
    return load_model_folder(model_folder(name))


def load_model_folder(folder: Path) -> TrainedModel:
    """Reads a model's folder."""
    description_bytes = _bounded(folder / "model.json", MAX_MODEL_JSON_BYTES)
    weights_path = folder / "weights.npz"
    weights_bytes = _bounded(weights_path, MAX_WEIGHTS_BYTES)
    try:
        description = json.loads(description_bytes)
        if description.get("format") != FORMAT:
            raise CompileError(f"model.json is not of format {FORMAT!r}")
        with np.load(weights_path, allow_pickle=False) as archive:
            weights = {key: archive[key] for key in archive.files}
        graph = graph_from_model(description, weights)
        meaning = _meaning(description)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, zipfile.BadZipFile) as exc:
        raise CompileError(
            f"the model in {folder.name!r} is damaged ({type(exc).__name__})",
            hint="get its model.json and weights.npz again",
        ) from exc
    digest = hashlib.sha256()
    for part in (description_bytes, weights_bytes):
        digest.update(len(part).to_bytes(8, "little") + part)
    return TrainedModel(graph.name, description, graph, meaning, digest.digest(), folder)


def _bounded(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as exc:
        raise CompileError(f"{path.name} cannot be read") from exc
    if len(data) > limit:
        raise CompileError(f"{path.name} is longer than {limit} bytes")
    return data


def _meaning(description: Mapping[str, Any]) -> ModelMeaning:
    outputs = description["outputs"]
    return ModelMeaning(
        version=str(description["version"]),
        title=str(description["title"]),
        preprocessing=description["preprocessing"],
        outputs=Outputs(
            classes=tuple(outputs["classes"]),
            activation=outputs["activation"],
            positive=outputs["positive"],
            threshold=float(outputs["threshold"]),
            temperature=float(outputs.get("temperature", 1.0)),
        ),
        input_names=tuple(map(str, description.get("features", ()))),
        class_activation_map=outputs.get("class_activation_map", False) is True,
    )


def compile_model(model: TrainedModel, *, search: bool = False) -> Compiled:
    """The model's triple, with its recorded packing if it has one and no search is asked for."""
    return compile_graph(
        model.graph,
        model.meaning,
        records=model.records,
        packing=None if search else model.packing,
        input_bound=float(model.description.get("input_bound", 8.0)),
    )


@functools.lru_cache(maxsize=32)
def compiled_model(name: str) -> tuple[TrainedModel, Compiled]:
    """A model and its triple, compiled once a process."""
    model = load_model(name)
    return model, compile_model(model)
