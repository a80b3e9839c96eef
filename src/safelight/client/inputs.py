"""Files to model inputs, by the steps of the model's signature."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from safelight.circuit.signature import Signature
from safelight.errors import InputError, WireError
from safelight.imaging import Image, Preprocessing, load_image, read_records
from safelight.imaging.steps import CenterCropSquare, Resize
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
    signature: Signature | ModelInterface,
    paths: Sequence[str | Path],
    centre: tuple[int, int] | None = None,
) -> list[tuple[str, FloatArray]]:
    """(source, input of the model's shape) for each image, or for each record of each table.

    Args:
        signature: Of the model.
        paths: Files.
        centre: Row and column around which the model's crop is cut out of the one image.

    Raises:
        InputError: A file is not what the model takes, or a centre where it takes no crop.
    """
    steps = preprocessing_of(signature)
    if centre is not None:
        _check_takes_crop(signature, steps, len(paths))
    inputs: list[tuple[str, FloatArray]] = []
    for number, path in enumerate(map(Path, paths), start=1):
        try:
            inputs += _load(signature, steps, path, centre)
        except InputError as exc:
            if len(paths) == 1:
                raise
            # by number: names of files may be those of patients
            message = f"input {number} of {len(paths)}: {exc.message}"
            raise type(exc)(message, hint=exc.hint) from exc
    return inputs


def _load(
    signature: Signature | ModelInterface,
    steps: Preprocessing,
    path: Path,
    centre: tuple[int, int] | None,
) -> Iterator[tuple[str, FloatArray]]:
    if not steps.is_for_records:
        image = load_image(path, value_scale=steps.value_scale)
        crops = takes_crop(signature, steps)
        if crops and image.frame_count > 1:
            raise InputError(
                f"the file holds {image.frame_count} slices; the model takes a part of one",
                hint="export the slice that shows the finding as a file of its own",
            )
        if centre is not None:
            image = image.crop(centre, *signature.input_shape[1:])
        elif crops:
            _check_is_crop(signature, image)
        values = steps.apply(image)
        _check(signature, values, "")
        yield str(path), values
        return
    table = read_records(
        path, feature_count=signature.input_shape[0], feature_names=signature.input_names
    )
    for row, values in enumerate(steps.apply_record(table.features), start=1):
        _check(signature, values, f"record {row}: ")
        yield f"{path}#{row}", values


def takes_crop(signature: Signature | ModelInterface, steps: Preprocessing) -> bool:
    """Whether only images of the model's own size fit: they show a finding at its scale."""
    framed = any(isinstance(step, CenterCropSquare | Resize) for step in steps.steps)
    plain = not (steps.is_for_records or steps.public_parts or framed)
    return plain and len(signature.input_shape) == 3


def _check_takes_crop(
    signature: Signature | ModelInterface, steps: Preprocessing, count: int
) -> None:
    if not takes_crop(signature, steps):
        raise InputError(
            f"the model {signature.model!r} takes whole images or records, not a part of one",
            hint="leave the centre out",
        )
    if count != 1:
        raise InputError(f"a centre goes with one image, not with {count}", hint="ask one by one")


def _check_is_crop(signature: Signature | ModelInterface, image: Image) -> None:
    height, width = signature.input_shape[1:]
    if (image.height, image.width) != (height, width):
        raise InputError(
            f"the image has {image.height} × {image.width} pixels where the model takes a part of "
            f"{height} × {width} at the same scale",
            hint="name the pixel in the middle of the part, such as that of a nodule: "
            "--centre ROW,COLUMN",
        )


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
