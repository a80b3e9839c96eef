"""Files to model inputs, by the steps of the model's signature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.signature import Signature
from safelight.errors import InputError, WireError
from safelight.imaging import Preprocessing, load_image, read_records
from safelight.wire.interface import ModelInterface

FloatArray = NDArray[np.float64]


def preprocessing_of(signature: Signature | ModelInterface) -> Preprocessing:
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


def load_inputs(
    signature: Signature | ModelInterface, paths: Sequence[str | Path]
) -> list[tuple[str, FloatArray]]:
    """(source, input of the model's shape) for each image, or for each record of each table.

    Raises:
        InputError: A file is not what the model takes.
    """
    steps = preprocessing_of(signature)
    inputs: list[tuple[str, FloatArray]] = []
    for number, path in enumerate(map(Path, paths), start=1):
        try:
            inputs += _load(signature, steps, path)
        except InputError as exc:
            if len(paths) == 1:
                raise
            # by number: names of files may be those of patients
            message = f"input {number} of {len(paths)}: {exc.message}"
            raise type(exc)(message, hint=exc.hint) from exc
    return inputs


def _load(
    signature: Signature | ModelInterface, steps: Preprocessing, path: Path
) -> Iterator[tuple[str, FloatArray]]:
    if not steps.is_for_records:
        values = steps.apply(load_image(path, value_scale=steps.value_scale))
        _check(signature, values, "")
        yield str(path), values
        return
    table = read_records(
        path, feature_count=signature.input_shape[0], feature_names=signature.input_names
    )
    for row, values in enumerate(steps.apply_record(table.features), start=1):
        _check(signature, values, f"record {row}: ")
        yield f"{path}#{row}", values


def _check(signature: Signature | ModelInterface, values: FloatArray, where: str) -> None:
    if values.shape != signature.input_shape:
        raise InputError(
            f"{where}preprocessing gives shape {list(values.shape)}, "
            f"the model takes {list(signature.input_shape)}"
        )
    if not signature.within_bound(values):
        raise InputError(
            f"{where}values beyond ±{signature.input_bound:g} after preprocessing, "
            "which the model does not cover",
            hint="check the units of the features",
        )
