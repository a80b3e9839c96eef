"""Files to model inputs, by the steps of the model's signature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.signature import Signature
from safelight.errors import InputError, WireError
from safelight.imaging import Preprocessing, load_image, read_records

FloatArray = NDArray[np.float64]


def preprocessing_of(signature: Signature) -> Preprocessing:
    """The signature's steps.

    Raises:
        InputError: Steps that this release does not know.
    """
    try:
        return Preprocessing.from_json(dict(signature.preprocessing))
    except WireError as exc:
        raise InputError(
            f"the model {signature.model!r} asks for preprocessing that this client does not know",
            hint="update the client",
        ) from exc


def load_inputs(signature: Signature, paths: Sequence[str | Path]) -> list[tuple[str, FloatArray]]:
    """(source, input of the model's shape) for each image, or for each record of each table.

    Raises:
        InputError: A file is not what the model takes.
    """
    steps = preprocessing_of(signature)
    inputs: list[tuple[str, FloatArray]] = []
    for path in map(Path, paths):
        if steps.is_for_records:
            table = read_records(
                path,
                feature_count=signature.input_shape[0],
                feature_names=signature.input_names,
            )
            rows = steps.apply_record(table.features)
            inputs += [(f"{path}#{row}", values) for row, values in enumerate(rows, start=1)]
        else:
            image = load_image(path, value_scale=steps.value_scale)
            inputs.append((str(path), steps.apply(image)))
    for source, values in inputs:
        if values.shape != signature.input_shape:
            raise InputError(
                f"{source}: preprocessing gives shape {list(values.shape)}, "
                f"the model takes {list(signature.input_shape)}"
            )
        if not signature.within_bound(values):
            raise InputError(
                f"{source}: values beyond ±{signature.input_bound:g} after preprocessing, "
                "which the model does not cover",
                hint="check the units of the features",
            )
    return inputs
