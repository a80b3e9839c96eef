"""A baseline as a folder, ``safelight-baseline-1``: JSON and plain arrays, never a pickle.

``baseline.json`` has format, name, input_shape, preprocessing, outputs, options, data, training;
``weights.npz`` the arrays by name. docs/baseline-format.md is the reference.
"""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs
from safelight.errors import InputError, RecordError
from safelight.imaging.preprocessing import Preprocessing
from safelight.models.baselines.baseline import NAMES, NETWORKS, Baseline, Predictor

FORMAT = "safelight-baseline-1"
MAX_JSON_BYTES = 1 << 20
MAX_WEIGHTS_BYTES = 512 << 20
MAX_ARRAYS = 4096


def save_baseline(folder: Path, baseline: Baseline) -> None:
    """Writes both files; float32 where PyTorch has it so, NumPy's format without objects."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "format": FORMAT,
        "name": baseline.name,
        "input_shape": list(baseline.input_shape),
        "preprocessing": dict(baseline.preprocessing),
        "outputs": asdict(baseline.outputs) | {"map_shape": []},
        "options": dict(baseline.predictor.options),
        "data": dict(baseline.data),
        "training": dict(baseline.training),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    np.savez_compressed(
        folder / "weights.npz", allow_pickle=False, **dict(baseline.predictor.arrays)
    )
    (folder / "baseline.json").write_text(text, encoding="utf-8")


def load_baseline(folder: Path) -> Baseline:
    """Reads and checks a folder, which may come from a stranger.

    Raises:
        InputError: No such folder, or its network's packages are not installed.
        RecordError: Its files are damaged or do not fit together.
    """
    path = folder / "baseline.json"
    if not path.is_file():
        raise InputError(
            f"the folder {folder.name!r} has no baseline.json",
            hint="`safelight baselines --save DIR` makes such folders",
        )
    if path.stat().st_size > MAX_JSON_BYTES:
        raise RecordError(f"baseline.json is longer than {MAX_JSON_BYTES} bytes")
    try:
        document = json.loads(path.read_bytes())
        if document["format"] != FORMAT or document["name"] not in NAMES:
            raise RecordError(f"baseline.json is not of format {FORMAT!r}, or of an unknown kind")
        Preprocessing.from_json(document["preprocessing"])
        given = document["outputs"]
        outputs = Outputs(
            tuple(map(str, given["classes"])),
            given["activation"],
            given["positive"],
            float(given["threshold"]),
            float(given["temperature"]),
        )
        shape = tuple(int(side) for side in document["input_shape"])
        sound = outputs.is_sound() and 0 < len(shape) <= 3 and all(0 < s <= 4096 for s in shape)
        options, data, training = (dict(document[k]) for k in ("options", "data", "training"))
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise RecordError(f"baseline.json is damaged ({type(exc).__name__})") from exc
    if not sound:
        raise RecordError("baseline.json has a value out of range")
    arrays = _arrays(folder / "weights.npz")
    predictor = _rebuilt(document["name"], arrays, shape, outputs, options)
    return Baseline(
        document["name"], shape, document["preprocessing"], outputs, predictor, data, training
    )


def _rebuilt(
    name: str,
    arrays: dict[str, NDArray[Any]],
    shape: tuple[int, ...],
    outputs: Outputs,
    options: dict[str, Any],
) -> Predictor:
    features, columns = math.prod(shape), len(outputs.classes)
    if name in NETWORKS:
        try:
            from safelight.models.baselines.networks import TorchPredictor
        except ImportError as exc:
            raise InputError(
                f"the baseline {name!r} needs PyTorch, which is not installed",
                hint="pip install 'safelight[baselines]'",
            ) from exc
        return TorchPredictor.rebuilt(name, arrays, shape, outputs)
    if name == "random-forest":
        from safelight.models.baselines.forest import Forest

        return Forest.rebuilt(arrays, features, columns)
    from safelight.models.baselines.logistic import Logistic

    return Logistic.rebuilt(arrays, features, columns, each=options.get("each") is True)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_ARRAYS or sum(e.file_size for e in entries) > MAX_WEIGHTS_BYTES:
                raise RecordError(f"weights.npz unpacks to more than {MAX_WEIGHTS_BYTES} bytes")
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as exc:
        raise RecordError("weights.npz is missing or damaged") from exc
    for array in found.values():
        if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
            raise RecordError("weights.npz has arrays that are not finite numbers")
    return found
