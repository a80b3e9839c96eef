"""The folder of a run: what was decided and how far it came, so that it can be continued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from safelight.circuit.packing import Packing
from safelight.errors import CompileError, InputError
from safelight.models.datasets.dataset import Dataset
from safelight.models.training.architectures import Architecture, Convolution, Dense, Residual
from safelight.models.training.candidates import Candidate
from safelight.models.training.config import Config
from safelight.models.training.plan import Plan
from safelight.models.training.trial_compilation import Chosen

Read = TypeVar("Read")

FOLDER = "training"
_LAYERS = {kind.__name__: kind for kind in (Convolution, Residual, Dense)}


class RunFolder:
    """``OUTPUT/training``: ``run.json``, ``network.json``, ``plan.json``, checkpoints.

    Args:
        output: Folder of the model.
        config: Of the run.
        dataset: Of the run; a digest of it is kept.

    Raises:
        InputError: The folder holds a run with another configuration or other data.
    """

    def __init__(self, output: Path, config: Config, dataset: Dataset) -> None:
        self.path = output / FOLDER
        self.path.mkdir(parents=True, exist_ok=True)
        mine = json.loads(json.dumps({"config": _comparable(config), "data": digest(dataset)}))
        known = self._read("run.json")
        if known is None:
            self._write("run.json", mine)
        elif known != mine:
            what = "data" if known.get("config") == mine["config"] else "configuration"
            raise InputError(
                f"{output.name} holds a training with another {what}",
                hint=f"give another --output, or remove {output.name}/{FOLDER} to start again",
            )

    def checkpoint(self, name: str) -> Path:
        """Where a course keeps its state."""
        return self.path / f"{name}.pt"

    def plan(self, make: Callable[[], Plan]) -> Plan:
        """The plan of the run: the one written down, else a new one."""
        known = self._read("plan.json")
        if known is not None:
            return self._parsed("plan.json", Plan.from_json, known)
        made = make()
        self._write("plan.json", made.to_json())
        return made

    def chosen(self, make: Callable[[], Chosen]) -> Chosen:
        """The network of the run: the one written down, else a new choice."""
        known = self._read("network.json")
        if known is not None:
            return self._parsed("network.json", _chosen, known)
        made = make()
        self._write("network.json", _chosen_to_json(made))
        return made

    def _parsed(self, name: str, parse: Callable[[dict[str, Any]], Read], known: Any) -> Read:
        try:
            return parse(known)
        except (KeyError, TypeError, ValueError, CompileError) as exc:
            raise InputError(
                f"{name} of the run is damaged", hint=f"remove the folder {FOLDER} to start again"
            ) from exc

    def _read(self, name: str) -> Any:
        path = self.path / name
        if not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise InputError(
                f"{name} of the run is damaged", hint=f"remove the folder {FOLDER} to start again"
            ) from exc

    def _write(self, name: str, document: Any) -> None:
        part = self.path / f"{name}.part"
        part.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        part.replace(self.path / name)


def digest(dataset: Dataset) -> str:
    """SHA-256 over training and validation, hex."""
    found = hashlib.sha256()
    for split in (dataset.train, dataset.val):
        for array in (split.inputs, split.labels):
            found.update(str((array.shape, array.dtype.str)).encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _comparable(config: Config) -> dict[str, Any]:
    """Without the path, which may be written in another way; the digest stands for the data."""
    document = config.to_json()
    document["data"].pop("path")
    return document


def _chosen_to_json(chosen: Chosen) -> dict[str, Any]:
    made = chosen.candidate.architecture
    return {
        "name": chosen.candidate.name,
        "architecture": {
            **asdict(made),
            "hidden": [[type(layer).__name__, asdict(layer)] for layer in made.hidden],
        },
        "packing": chosen.packing.to_json(),
        "refused": list(chosen.refused),
    }


def _chosen(data: dict[str, Any]) -> Chosen:
    made = data["architecture"]
    hidden = tuple(_LAYERS[name](**values) for name, values in made["hidden"])
    shape = tuple(made["input_shape"])
    architecture = Architecture(**{**made, "hidden": hidden, "input_shape": shape})
    candidate = Candidate(data["name"], architecture)
    return Chosen(candidate, Packing.from_json(data["packing"]), tuple(data["refused"]))
