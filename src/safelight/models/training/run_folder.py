"""The folder of a run: what was decided and how far it came, so that it can be continued."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
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
MOST_DIFFERENCES = 6
_LAYERS = {kind.__name__: kind for kind in (Convolution, Residual, Dense)}


class RunFolder:
    """``OUTPUT/training``: ``run.json``, ``network.json``, ``plan.json``, checkpoints.

    Nothing is written before `begin`.

    Args:
        output: Folder of the model.
        config: Of the run.

    Raises:
        InputError: There is a file in its place, it holds a run with another configuration, or a
            model that this training did not make.
    """

    def __init__(self, output: Path, config: Config) -> None:
        check_is_folder(output)
        self.path = output / FOLDER
        self._name = output.resolve().name
        self._config = _comparable(config.to_json())
        # a run that ended before it had a network decided nothing that is worth keeping
        started = (self.path / "network.json").is_file()
        self._run = self._read("run.json") if started else None
        self._model = _model_in(output)
        known = self._run.get("config", {}) if self._run is not None else None
        if known is None and self._model is not None:
            known = self._model.get("training", {}).get("config")
            if not isinstance(known, dict):
                raise self._refused("a model that this training did not make")
        other = [] if known is None else differences(_comparable(known), self._config)
        if other:
            raise self._refused(f"a training with another configuration: {_listed(other)}")

    def begin(self, dataset: Dataset) -> None:
        """Writes down what is trained on, or compares with what was.

        Raises:
            InputError: The folder holds a run, or its model, with other data.
        """
        data = digest(dataset)
        if self._run is None:
            selector = (self._model or {}).get("data", {}).get("selector", {})
            same = dataset.origin is None or selector.get("sha256") == dict(dataset.origin.sha256)
            if self._model is not None and not same:
                raise self._refused("a model of other data")
            self.path.mkdir(parents=True, exist_ok=True)
            self._write("run.json", {"config": self._config, "data": data})
        elif self._run.get("data") != data:
            raise self._refused("a training with other data")

    def _refused(self, what: str) -> InputError:
        return InputError(
            f"{self._name} holds {what}",
            hint=f"give another --output, or remove the folder {self._name} to start again",
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

    def _read(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        if not path.is_file():
            return None
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise TypeError("not an object")
            return found
        except (ValueError, TypeError) as exc:
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


def check_is_folder(output: Path) -> None:
    """Refuses a place where no folder can be, before anything is read.

    Raises:
        InputError: It, or a folder above it, is a file, or may not be written to.
    """
    for place in (output, *output.absolute().parents):
        if place.exists():
            if not place.is_dir():
                raise InputError(
                    f"--output {output.name}: {place.name} is a file, not a folder",
                    hint="give the folder that the model shall be written to",
                )
            if not os.access(place, os.W_OK):
                raise InputError(
                    f"--output {output.name}: nothing can be written to {place.name or place}",
                    hint="give a folder of your own",
                )
            return


def differences(known: Mapping[str, Any], mine: Mapping[str, Any]) -> list[str]:
    """Each field in which two configurations differ, with both values."""
    before, now = _flat(known), _flat(mine)
    return [
        f"{name} was {_value(before, name)}, now {_value(now, name)}"
        for name in sorted({*before, *now})
        if _value(before, name) != _value(now, name)
    ]


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for section, part in table.items():
        fields = part.items() if isinstance(part, Mapping) else ()
        found |= {f"{section}.{name}": value for name, value in fields}
    return found


def _value(table: Mapping[str, Any], name: str) -> str:
    return json.dumps(table[name], ensure_ascii=False) if name in table else "not given"


def _listed(other: list[str]) -> str:
    more = len(other) - MOST_DIFFERENCES
    return "; ".join(other[:MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _model_in(output: Path) -> dict[str, Any] | None:
    """The ``model.json`` of a folder; empty where it is not ours."""
    path = output / "model.json"
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the weights: not the card's words, nor the path, for which the digest stands."""
    words = {"data": ("path", "licence", "attribution"), "model": ("title", "intended_use")}
    return {
        part: {name: value for name, value in values.items() if name not in words.get(part, ())}
        for part, values in config.items()
    }


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
