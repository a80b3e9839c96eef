"""The folder of a deep model, format ``safelight-deep-1``: ``model.json`` and its weights.

    {"format": "safelight-deep-1", "name": …, "version": …, "title": …,
     "input_shape": [1, 224, 224], "input_bound": 16.0, "records": 8,
     "preprocessing": {…}, "outputs": {"classes": […], "activation": "sigmoid", …},
     "runtime": {"kind": "onnx", "file": "model.onnx"}}

or ``{"kind": "torch", "architecture": "densenet121", "file": "weights.npz"}``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safelight.circuit.outputs import Outputs
from safelight.errors import CompileError
from safelight.models.deep.runner import PlainRunner

FORMAT = "safelight-deep-1"
DEFAULT_BOUND = 64.0
_MAX_JSON_BYTES = 4 << 20
_MAX_WEIGHTS_BYTES = 2 << 30
_MAX_RECORDS = 4096

Kind = Literal["onnx", "torch"]


@dataclass(frozen=True)
class DeepModel:
    """A deep model as it is stored.

    Args:
        name: Its name.
        version: For people.
        title: One line.
        input_shape: Of one preprocessed input.
        input_bound: Largest magnitude of its elements.
        records: Inputs that are run at once, at most.
        preprocessing: Steps as data.
        outputs: Meaning of the logits.
        kind: What runs it.
        architecture: For ``torch``: which network the weights are of.
        weights: The file of weights, or of the whole model.
        digest: SHA-256 over both files, each preceded by its length.
        weights_digest: SHA-256 of the weights alone: what runs.
    """

    name: str
    version: str
    title: str
    input_shape: tuple[int, ...]
    input_bound: float
    records: int
    preprocessing: Mapping[str, Any]
    outputs: Outputs
    kind: Kind
    architecture: str
    weights: Path
    digest: bytes
    weights_digest: bytes


def load_deep_model(folder: Path) -> DeepModel:
    """Reads a deep model's folder; the weights are digested, not loaded.

    Raises:
        CompileError: A file is missing, too long, or not what it must be.
    """
    try:
        content = (folder / "model.json").read_bytes()[: _MAX_JSON_BYTES + 1]
        document = json.loads(content)
        if document.get("format") != FORMAT or len(content) > _MAX_JSON_BYTES:
            raise CompileError(f"the model's folder is not of format {FORMAT!r}")
        return _model(folder, document, content)
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as exc:
        raise CompileError(
            f"the deep model in {folder.name!r} is damaged ({type(exc).__name__})",
            hint="it has model.json of format safelight-deep-1, and the file that it names",
        ) from exc


def open_runner(model: DeepModel, *, timeout_s: float) -> PlainRunner:
    """What runs a deep model.

    Raises:
        InputError: The package that runs it is not installed.
        CompileError: The weights are not what the model says.
    """
    if model.kind == "onnx":
        from safelight.models.deep.onnx_runner import OnnxRunner

        return OnnxRunner(model)
    from safelight.models.deep.torch_runner import TorchRunner

    return TorchRunner(model, timeout_s=timeout_s)


def _model(folder: Path, document: dict[str, Any], content: bytes) -> DeepModel:
    runtime, described = document["runtime"], document["outputs"]
    kind = runtime["kind"]
    # a name, not a path: the model's files lie in its folder
    file = Path(str(runtime["file"])).name
    outputs = Outputs(
        classes=tuple(map(str, described["classes"])),
        activation=str(described["activation"]),
        positive=str(described["positive"]),
        threshold=float(described["threshold"]),
        temperature=float(described.get("temperature", 1.0)),
    )
    records = int(document.get("records", 8))
    if kind not in ("onnx", "torch") or not outputs.is_sound() or not 0 < records <= _MAX_RECORDS:
        raise ValueError("a field out of range")
    digest, weights_digest = _digests(content, folder / file)
    return DeepModel(
        name=str(document["name"]),
        version=str(document["version"]),
        title=str(document["title"]),
        input_shape=tuple(int(side) for side in document["input_shape"]),
        input_bound=float(document.get("input_bound", DEFAULT_BOUND)),
        records=records,
        preprocessing=dict(document["preprocessing"]),
        outputs=outputs,
        kind=kind,
        architecture=str(runtime.get("architecture", "")),
        weights=folder / file,
        digest=digest,
        weights_digest=weights_digest,
    )


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
