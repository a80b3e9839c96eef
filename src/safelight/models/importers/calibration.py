"""Calibration data: inputs as the model will meet them, and labels where there are any."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.graph import FloatArray, Shape
from safelight.errors import ImageError, InputError, RecordError
from safelight.imaging import Image, Preprocessing

INPUT_KEYS = ("inputs", "images", "x", "X", "train_images")
LABEL_KEYS = ("labels", "y", "train_labels")
MAX_FILE_BYTES = 4 << 30
MAX_RECORDS = 4096  # ranges and three coefficients a channel need no more


@dataclass(frozen=True)
class Calibration:
    """Records, as given.

    Args:
        inputs: ``[records, …]``: what the source model takes, or uint8 or uint16 images
            ``[records, height, width]`` or ``[…, 3]`` for the preprocessing steps.
        labels: Class of each record, from 0, or None.
    """

    inputs: NDArray[Any]
    labels: NDArray[np.int64] | None = None

    def first(self, count: int) -> Calibration:
        """The records up to ``count``, drawn evenly over the file."""
        if len(self.inputs) <= count:
            return self
        chosen = np.linspace(0, len(self.inputs) - 1, count).astype(int)
        labels = None if self.labels is None else self.labels[chosen]
        return Calibration(self.inputs[chosen], labels)


def read_calibration(path: Path) -> Calibration:
    """Reads an ``.npz`` with ``inputs`` or ``images``, and ``labels`` if it has any.

    A MedMNIST file gives its training split. Nothing is unpickled.

    Raises:
        InputError: Not such a file.
    """
    hint = "give an .npz with `inputs` [records, …] (or `images`, uint8) and perhaps `labels`"
    if not path.exists():
        raise InputError(f"there is no calibration file {path.name!r}", hint=hint)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise InputError(f"the calibration file is above {MAX_FILE_BYTES >> 30} GiB", hint=hint)
        with np.load(path, allow_pickle=False) as archive:
            if not hasattr(archive, "files"):
                raise InputError("the calibration file holds a single array", hint=hint)
            key = next((key for key in INPUT_KEYS if key in archive.files), None)
            if key is None:
                raise InputError("the calibration file has no inputs", hint=hint)
            label = next((key for key in LABEL_KEYS if key in archive.files), None)
            inputs = archive[key]
            labels = None if label is None else archive[label]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as exc:
        raise InputError("the calibration file cannot be read", hint=hint) from exc
    return checked(inputs, labels)


def checked(inputs: NDArray[Any], labels: NDArray[Any] | None = None) -> Calibration:
    """Calibration data from arrays.

    Raises:
        RecordError: No records, no numbers, or the same record again and again.
    """
    array = np.asarray(inputs)
    if array.dtype.kind not in "uif" or array.ndim < 2 or not array.size:
        raise RecordError(
            f"calibration inputs of shape {list(array.shape)} and type {array.dtype} are not "
            "records of numbers",
            hint="give [records, features] or [records, channels, height, width]",
        )
    if not np.isfinite(array).all():
        raise RecordError(
            "the calibration inputs have values that are not finite",
            hint="leave out records with missing values",
        )
    if len(array) > 1 and (array == array[:1]).all():
        raise RecordError(
            f"the {len(array)} calibration inputs are all the same",
            hint="give inputs as the model will meet them: they set the ranges of its polynomials",
        )
    if labels is None:
        return Calibration(array)
    classes = np.asarray(labels)
    if classes.size != len(array) or classes.dtype.kind not in "uib":
        return Calibration(array)  # several labels at once, or names: of no use here
    return Calibration(array, classes.reshape(-1).astype(np.int64))


def model_inputs(calibration: Calibration, steps: Preprocessing, shape: Shape) -> FloatArray:
    """Inputs of the model's shape, float64.

    Images (uint8, uint16) run through the steps. Floats are taken as preprocessed, as is usual in
    the source framework, except for records, whose standardization is a step.

    Raises:
        InputError: They do not fit the model.
    """
    array = calibration.inputs
    if steps.is_for_records:
        if array.shape[1:] != shape:
            raise RecordError(
                f"calibration records of shape {list(array.shape[1:])} where the model takes "
                f"{list(shape)}"
            )
        return steps.apply_record(array)
    if array.dtype.kind == "u" and array.shape[1:] != shape:
        images = [_image(row) for row in array]
        inputs = np.stack([steps.apply(image) for image in images])
    elif array.dtype.kind == "u":
        raise ImageError(
            f"{array.dtype} calibration inputs of the model's own shape {list(shape)} leave open "
            "whether they are preprocessed",
            hint="give floats as the model takes them, or images [records, height, width]",
        )
    else:
        inputs = array.astype(np.float64)
    if inputs.shape[1:] != shape:
        raise InputError(
            f"calibration inputs of shape {list(inputs.shape[1:])} where the model takes "
            f"{list(shape)}",
            hint="give them as the model takes them, or as uint8 images [records, height, width]",
        )
    return inputs


def _image(row: NDArray[Any]) -> Image:
    if row.ndim == 3 and row.shape[0] in (1, 3) and row.shape[2] != 3:
        row = np.moveaxis(row, 0, 2)
    return Image.from_array(row[:, :, 0] if row.ndim == 3 and row.shape[2] == 1 else row)
