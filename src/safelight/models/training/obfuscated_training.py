"""A client's Masked-CNN, trained on the client's own images under its obfuscation key.

1. Images to brightness at a size that blocks tile.
2. JPEG 2000 and the keyed transformation, as a diagnosis does (`vault.obfuscated_input`).
3. Training with masked blocks; the epoch of the best validation AUC is kept.

The test split is not read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from safelight.circuit.outputs import Outputs
from safelight.errors import InputError
from safelight.imaging import Image, Preprocessing
from safelight.models.datasets.dataset import Dataset
from safelight.models.datasets.split import Split
from safelight.models.training.masked_cnn import Masking, train_masked_cnn
from safelight.models.training.masked_folder import MaskedModel
from safelight.models.training.pixels import LUNG_WINDOW_HU
from safelight.models.training.watching import Watch
from safelight.vault.obfuscated_input import obfuscated_images
from safelight.vault.obfuscation import DEFAULT_BLOCK
from safelight.vault.obfuscation_key import ObfuscationKey
from safelight.wire.transformation import LOSSLESS


def train_obfuscated(
    dataset: Dataset,
    key: ObfuscationKey,
    name: str,
    watch: Watch,
    *,
    jpeg2000_ratio: int = LOSSLESS,
    masking: Masking | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> MaskedModel:
    """A network for images under a key.

    Args:
        dataset: Two classes, images.
        key: Of the client.
        name: Of the model.
        watch: Told of epochs.
        jpeg2000_ratio: Compression before the transformation; 1 is lossless.
        masking: How it is trained.
        seed: Of training.
        threads: Of PyTorch; its own choice if None.

    Raises:
        InputError: Records, or other than two classes.
    """
    about, masking = dataset.about, masking or Masking()
    if about.task != "binary" or dataset.train.inputs.ndim not in (3, 4):
        raise InputError(
            f"{dataset.name} is a {about.task} task on arrays of {dataset.train.inputs.ndim - 1} "
            "axes; a Masked-CNN decides between two classes of images",
            hint="take images with two classes",
        )
    if threads is not None:
        torch.set_num_threads(threads)
    steps = _steps(dataset)
    transformation = key.transformation(jpeg2000_ratio=jpeg2000_ratio)
    positive = about.classes.index(about.finding)

    def seen(split: Split) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        images = obfuscated_images(_prepared(steps, split), key, transformation)
        return images, (split.labels == positive).astype(np.int64)

    network = train_masked_cnn(
        *seen(dataset.train),
        seen(dataset.val),
        masking=masking,
        seed=seed,
        progress=lambda done, total: watch.progress("training", done, total),
    )
    return MaskedModel(
        name=name,
        title=f"Masked-CNN on obfuscated images ({about.title})",
        network=network,
        transformation=transformation,
        preprocessing=steps.to_json(),
        outputs=Outputs(about.classes, "sigmoid", about.finding, 0.5),
        data={"name": about.title, "licence": about.licence, "attribution": about.attribution},
        training={
            "validation_auc": round(network.validation_auc, 4),
            "images": len(dataset.train),
            "epochs": masking.epochs,
            "seed": seed,
        },
    )


def _steps(dataset: Dataset) -> Preprocessing:
    shape = dataset.train.inputs.shape
    side = min(shape[1:3]) // DEFAULT_BLOCK * DEFAULT_BLOCK
    if side == 0:
        raise InputError(f"images of {shape[1]}×{shape[2]} are smaller than a block")
    steps: list[dict[str, Any]] = []
    if dataset.train.inputs.dtype != np.uint8:
        centre, width = LUNG_WINDOW_HU
        steps.append({"step": "window", "center_hu": centre, "width_hu": width})
    steps += [
        {"step": "greyscale"},
        {"step": "center_crop_square"},
        {"step": "resize", "height": side, "width": side},
    ]
    return Preprocessing.from_json({"version": 1, "steps": steps})


def _prepared(steps: Preprocessing, split: Split) -> NDArray[np.float64]:
    """Brightness in 0 … 1, ``[n, 1, rows, columns]``."""
    scale = steps.value_scale
    images = [steps.apply(Image.from_array(i, value_scale=scale)) for i in split.inputs]
    return np.clip(np.stack(images), 0.0, 1.0)  # resampling may step over by a rounding error
