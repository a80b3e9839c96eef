"""A Masked-CNN as a folder that the service serves at the level `obfuscated`.

``model.json`` of format ``safelight-masked-1`` (docs/how-to/obfuscated-level.md) and
``weights.npz``. It names the obfuscation key by its id; the key itself is not in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safelight.circuit.outputs import Outputs
from safelight.errors import RecordError
from safelight.models.deep.deep_folder import MASKED_FORMAT, load_deep_model
from safelight.models.training.masked_cnn import MaskedCnn, load_masked_cnn, save_masked_cnn
from safelight.wire.transformation import Transformation

WEIGHTS = "weights.npz"
RECORDS = 64


@dataclass(frozen=True)
class MaskedModel:
    """A trained network and what belongs to it.

    Args:
        name: In the service.
        title: One line.
        network: Trained on obfuscated images.
        transformation: Of those images.
        preprocessing: Steps from a file to brightness, before the transformation.
        outputs: Meaning of the logit.
        data: ``name``, ``licence``, ``attribution`` of the training data.
        training: How it was trained, for people.
    """

    name: str
    title: str
    network: MaskedCnn
    transformation: Transformation
    preprocessing: Mapping[str, Any]
    outputs: Outputs
    data: Mapping[str, str]
    training: Mapping[str, Any]


def save_masked_folder(folder: Path, model: MaskedModel) -> None:
    """Writes both files."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = asdict(model.outputs)
    del outputs["map_shape"]
    document = {
        "format": MASKED_FORMAT,
        "name": model.name,
        "version": "1",
        "title": model.title,
        "input_shape": [1, *model.network.shape],
        "input_bound": 1.0,
        "records": RECORDS,
        "preprocessing": dict(model.preprocessing),
        "outputs": outputs,
        "transformation": model.transformation.to_json(),
        "file": WEIGHTS,
        "data": dict(model.data),
        "training": dict(model.training),
    }
    save_masked_cnn(model.network, folder / WEIGHTS)
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / "model.json").write_text(text, encoding="utf-8")


def load_masked_folder(folder: Path) -> MaskedCnn:
    """The network of a folder.

    Raises:
        CompileError: Its description is damaged.
        RecordError: Its weights are damaged, or do not fit the description.
    """
    described = load_deep_model(folder)
    try:
        network = load_masked_cnn(described.weights)
    except Exception as exc:  # torch and NumPy raise what they like
        raise RecordError(f"the weights are damaged ({type(exc).__name__})") from exc
    if described.transformation is None or described.input_shape != (1, *network.shape):
        raise RecordError("the weights do not fit the description")
    return network
