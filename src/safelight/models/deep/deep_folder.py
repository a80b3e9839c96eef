"""The folder of a model that runs on plain inputs, in one of three formats.

- ``safelight-baseline-1``, as ``safelight baselines --save`` writes it: networks of PyTorch,
  forests, logistic regression. It runs in a process of its own, by `ProcessRunner`.
- ``safelight-deep-1``, for ONNX files, by `OnnxRunner`:

    {"format": "safelight-deep-1", "name": …, "version": …, "title": …,
     "input_shape": [1, 224, 224], "input_bound": 16.0, "records": 8,
     "preprocessing": {…}, "outputs": {"classes": […], "activation": "sigmoid", …},
     "file": "model.onnx"}

- ``safelight-masked-1``, as ``safelight train --obfuscated`` writes it: the same fields, with the
  ``transformation`` of the images that it takes. By `ProcessRunner`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from safelight.circuit.outputs import Outputs
from safelight.errors import CompileError, MalformedError
from safelight.models.deep.runner import PlainRunner
from safelight.wire.transformation import Transformation

ONNX_FORMAT: Final = "safelight-deep-1"
BASELINE_FORMAT: Final = "safelight-baseline-1"
MASKED_FORMAT: Final = "safelight-masked-1"
# Normalised images lie far below; it keeps absurd inputs out.
DEFAULT_BOUND = 64.0
DEFAULT_RECORDS = 8

_MAX_JSON_BYTES = 4 << 20
_MAX_WEIGHTS_BYTES = 2 << 30
_MAX_RECORDS = 4096
_MAX_SIDE = 4096
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

Runtime = Literal["onnx", "process"]


@dataclass(frozen=True)
class DeepModel:
    """A model as it is stored.

    Args:
        name: Its name in the service.
        version: For people.
        title: One line.
        input_shape: Of one preprocessed input.
        input_bound: Largest magnitude of its elements.
        records: Inputs that are run at once, at most.
        preprocessing: Steps as data.
        outputs: Meaning of the logits.
        runtime: What runs it.
        folder: Where it lies.
        weights: The file of weights, or of the whole model.
        digest: SHA-256 over both files, each preceded by its length.
        weights_digest: SHA-256 of the weights alone: what runs.
        transformation: Of obfuscated images, where it takes no others.
    """

    name: str
    version: str
    title: str
    input_shape: tuple[int, ...]
    input_bound: float
    records: int
    preprocessing: Mapping[str, Any]
    outputs: Outputs
    runtime: Runtime
    folder: Path
    weights: Path
    digest: bytes
    weights_digest: bytes
    transformation: Transformation | None = None


def load_deep_model(folder: Path, name: str | None = None) -> DeepModel:
    """Reads a model's folder; the weights are digested, not loaded.

    Args:
        folder: Of either format.
        name: Instead of the model's own, or of the folder's, for baselines.

    Raises:
        CompileError: A file is missing, too long, or not what it must be.
    """
    try:
        baseline = (folder / "baseline.json").is_file()
        content = (folder / ("baseline.json" if baseline else "model.json")).read_bytes()
        if len(content) > _MAX_JSON_BYTES:
            raise CompileError(f"the model's description is longer than {_MAX_JSON_BYTES} bytes")
        document = json.loads(content)
        formats = (BASELINE_FORMAT,) if baseline else (ONNX_FORMAT, MASKED_FORMAT)
        if document["format"] not in formats:
            raise ValueError("another format")
        if baseline:
            own = folder.resolve().name
            return _model(folder, "weights.npz", "process", name or own, document, content)
        file = Path(str(document["file"])).name  # a name: the model's files lie in its folder
        own = str(document["name"])
        if document["format"] == ONNX_FORMAT:
            return _model(folder, file, "onnx", name or own, document, content)
        model = _model(folder, file, "process", name or own, document, content)
        return replace(model, transformation=Transformation.from_json(document["transformation"]))
    except (MalformedError, ValueError, KeyError, TypeError, AttributeError, OSError) as exc:
        raise CompileError(
            f"the deep model in {folder.name!r} is damaged ({type(exc).__name__})",
            hint=f"a folder has model.json of format {ONNX_FORMAT}, or baseline.json, and weights",
        ) from exc


def open_runner(model: DeepModel, *, timeout_s: float) -> PlainRunner:
    """What runs a model.

    Raises:
        InputError: The package that runs it is not installed.
        CompileError: The weights are not what the model says.
    """
    if model.runtime == "onnx":
        from safelight.models.deep.onnx_runner import OnnxRunner

        return OnnxRunner(model)
    from safelight.models.deep.process_runner import ProcessRunner

    return ProcessRunner(model, timeout_s=timeout_s)


def _model(
    folder: Path,
    file: str,
    runtime: Runtime,
    name: str,
    document: dict[str, Any],
    content: bytes,
) -> DeepModel:
    described = document["outputs"]
    outputs = Outputs(
        classes=tuple(map(str, described["classes"])),
        activation=str(described["activation"]),
        positive=str(described["positive"]),
        threshold=float(described["threshold"]),
        temperature=float(described.get("temperature", 1.0)),
    )
    records = int(document.get("records", DEFAULT_RECORDS))
    shape = tuple(int(side) for side in document["input_shape"])
    sound = 0 < len(shape) <= 4 and all(0 < side <= _MAX_SIDE for side in shape)
    if not sound or not outputs.is_sound() or not 0 < records <= _MAX_RECORDS:
        raise ValueError("a field out of range")
    if not _NAME.fullmatch(name):
        raise CompileError(
            "a deep model's name has 1 to 64 of a-z, 0-9, . _ -", hint="give it as NAME=FOLDER"
        )
    digest, weights_digest = _digests(content, folder / file)
    return DeepModel(
        name=name,
        version=str(document.get("version", "1")),
        title=str(document.get("title", f"{document.get('name')} ({_data_name(document)})")),
        input_shape=shape,
        input_bound=float(document.get("input_bound", DEFAULT_BOUND)),
        records=records,
        preprocessing=dict(document["preprocessing"]),
        outputs=outputs,
        runtime=runtime,
        folder=folder,
        weights=folder / file,
        digest=digest,
        weights_digest=weights_digest,
    )


def _data_name(document: dict[str, Any]) -> str:
    return str(dict(document.get("data", {})).get("name", "unknown data"))


def _digests(content: bytes, weights: Path) -> tuple[bytes, bytes]:
    size = weights.stat().st_size
    if size > _MAX_WEIGHTS_BYTES:
        raise CompileError(f"{weights.name} is longer than {_MAX_WEIGHTS_BYTES} bytes")
    whole = hashlib.sha256(len(content).to_bytes(8, "little") + content)
    whole.update(size.to_bytes(8, "little"))
    alone = hashlib.sha256()
    with weights.open("rb") as file:
        while part := file.read(1 << 20):
            whole.update(part)
            alone.update(part)
    return whole.digest(), alone.digest()
