"""The Masked-CNN on clear, obfuscated and encrypted images: where it learns, and where it cannot.

One network, one recipe, four kinds of input. On true AES ciphertext, fresh IV or not, there is
nothing to learn, and the table says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from cryptography.hazmat.primitives.ciphers import modes
from numpy.typing import NDArray

from safelight.errors import InputError
from safelight.lab.extras import extra
from safelight.lab.representations import block_cipher
from safelight.models.datasets.dataset import Dataset
from safelight.models.metrics import auc, bootstrap_interval
from safelight.vault.obfuscation import DEFAULT_BLOCK, Obfuscation, new_key

UInt8Images = NDArray[np.uint8]
Represent = Callable[[UInt8Images], UInt8Images]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class MaskedRow:
    """One kind of input.

    Args:
        representation: What the network was trained and tested on.
        auc: On the test split.
        auc_low: Lower end of its 95 % interval.
        auc_high: Upper end.
        accuracy: At 0.5.
        validation_auc: Of the epoch that was kept.
        records: Of the test split.
    """

    representation: str
    auc: float
    auc_low: float
    auc_high: float
    accuracy: float
    validation_auc: float
    records: int


def masked_rows(
    data: Dataset, *, seed: int = 0, progress: Progress = lambda *_: None
) -> Iterator[MaskedRow]:
    """Trains and tests one network a representation.

    Args:
        data: Two classes, greyscale images.
        seed: Of training; keys are fresh.
        progress: Told of (phase, epoch, epochs).

    Raises:
        InputError: Other data, or no torch.
    """
    extra("torch", "train")
    from safelight.models.training.masked_cnn import train_masked_cnn

    splits = {name: (grey_bytes(data, name), split.labels) for name, split in data.splits.items()}
    if data.about.task != "binary":
        raise InputError(
            f"{data.name} is a {data.about.task} task", hint="take data with two classes"
        )
    for name, represent in _representations(splits["train"][0].shape[1:]).items():
        seen = {split: (represent(images), labels) for split, (images, labels) in splits.items()}
        network = train_masked_cnn(
            *seen["train"], seen["val"], seed=seed,
            progress=lambda done, total, name=name: progress(  # type: ignore[misc]
                f"masked: {name}", done, total
            ),
        )  # fmt: skip
        images, labels = seen["test"]
        scores = network.probabilities(images)
        low, high = bootstrap_interval(auc, labels, scores)
        yield MaskedRow(
            representation=name,
            auc=auc(labels, scores),
            auc_low=low,
            auc_high=high,
            accuracy=float(((scores > 0.5) == (labels == 1)).mean()),
            validation_auc=network.validation_auc,
            records=len(labels),
        )


def grey_bytes(data: Dataset, split: str) -> UInt8Images:
    """A split's images as uint8 ``[n, rows, columns]``, cropped to whole blocks.

    Raises:
        InputError: Not greyscale images.
    """
    images = data.splits[split].inputs
    if images.ndim != 3:
        raise InputError(
            f"{data.name} holds arrays of {images.ndim - 1} axes, not greyscale images",
            hint="give greyscale images",
        )
    if images.dtype != np.uint8:
        # one scale for all splits, from the training split's own values
        low, high = np.percentile(data.train.inputs, [0.5, 99.5])
        images = np.clip(np.rint(255 * (images - low) / (high - low)), 0, 255).astype(np.uint8)
    rows, columns = (side // DEFAULT_BLOCK * DEFAULT_BLOCK for side in images.shape[1:])
    return images[:, :rows, :columns]


def _representations(shape: tuple[int, ...]) -> dict[str, Represent]:
    obfuscation, key, iv = Obfuscation.from_key(new_key(), shape), os.urandom(32), os.urandom(16)

    def enciphered(mode: Callable[[], modes.CBC | modes.ECB]) -> Represent:
        def represent(images: UInt8Images) -> UInt8Images:
            size = images[0].size
            streams = [block_cipher(image, key, mode())[:size] for image in images]
            return np.stack([np.frombuffer(s, np.uint8).reshape(shape) for s in streams])

        return represent

    return {
        "clear": lambda images: images,
        "obfuscated": obfuscation.apply,
        "aes-256-cbc": enciphered(lambda: modes.CBC(os.urandom(16))),
        "aes-256-cbc, fixed IV (teaching)": enciphered(lambda: modes.CBC(iv)),
        "aes-256-ecb (teaching)": enciphered(modes.ECB),
    }
