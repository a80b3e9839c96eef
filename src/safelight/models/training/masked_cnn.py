"""The Masked-CNN: a network that learns on obfuscated images, with blocks masked at random.

The keyed transformation treats all blocks alike inside but puts them anywhere, so that the first
convolution has the block as kernel and stride, and what follows mixes places freely instead of
assuming neighbours. Masking whole blocks during training keeps it from leaning on few of them.
The same network, with the same training, also takes clear images and (to show that it cannot)
AES ciphertext.

**Source**: the second source's Masked-CNN; Kiya et al. 2022 for block-wise first layers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from safelight.models.metrics import auc
from safelight.vault.obfuscation import DEFAULT_BLOCK

UInt8Images = NDArray[np.uint8]
FloatArray = NDArray[np.float64]

_CHANNELS = 64
_HIDDEN = 128
_BATCH = 64


@dataclass(frozen=True)
class Masking:
    """How it is trained.

    Args:
        epochs: At most; the epoch with the best validation AUC is kept.
        share: Of blocks that are zeroed in a training image, drawn from 0 to this.
        dropout: Before the last layer.
        learning_rate: Largest, of a one-cycle schedule.
    """

    epochs: int = 20
    share: float = 0.3
    dropout: float = 0.3
    learning_rate: float = 2e-3


@dataclass(frozen=True)
class MaskedCnn:
    """A trained network.

    Args:
        network: Of torch.
        shape: Rows and columns of its images.
        mean: Of training pixels.
        spread: Of training pixels.
        validation_auc: Of the epoch that was kept.
    """

    network: nn.Module
    shape: tuple[int, int]
    mean: float
    spread: float
    validation_auc: float

    def logits(self, images: UInt8Images) -> FloatArray:
        """Of the positive class, ``[n]``, for uint8 images ``[n, rows, columns]``."""
        self.network.eval()
        with torch.no_grad():
            return np.asarray(
                self.network(_tensor(images, self.mean, self.spread)).double().numpy()
            )

    def probabilities(self, images: UInt8Images) -> FloatArray:
        """Of the positive class, ``[n]``, for uint8 images ``[n, rows, columns]``."""
        return np.asarray(1.0 / (1.0 + np.exp(-self.logits(images))))


def train_masked_cnn(
    images: UInt8Images,
    labels: NDArray[np.int64],
    validation: tuple[UInt8Images, NDArray[np.int64]],
    *,
    masking: Masking | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> MaskedCnn:
    """Trains on images as the service would see them.

    Args:
        images: uint8 ``[n, rows, columns]``, clear, obfuscated or ciphertext.
        labels: 0 or 1, ``[n]``.
        validation: The same of the validation split.
        masking: How; the defaults if None.
        seed: Of everything random.
        progress: Told of (epoch, epochs).
    """
    masking = masking or Masking()
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    mean, spread = float(images.mean()), float(images.std()) + 1e-6
    rows, columns = images.shape[1:]
    network = _network(rows, columns, masking)
    x, y = _tensor(images, mean, spread), torch.tensor(labels, dtype=torch.float32)
    positives = float(y.mean())
    weight = torch.tensor((1 - positives) / max(positives, 1e-6))
    steps = (len(x) + _BATCH - 1) // _BATCH
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, masking.learning_rate, total_steps=masking.epochs * steps
    )
    best: tuple[float, dict[str, Any]] = (-1.0, {})
    for epoch in range(masking.epochs):
        network.train()
        for chosen in torch.randperm(len(x), generator=generator).split(_BATCH):
            batch = _masked(x[chosen], masking.share, generator)
            loss = nn.functional.binary_cross_entropy_with_logits(
                network(batch), y[chosen], pos_weight=weight
            )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        kept = MaskedCnn(network, (rows, columns), mean, spread, 0.0)
        found = auc(validation[1], kept.probabilities(validation[0]))
        if found > best[0]:
            state = {name: value.clone() for name, value in network.state_dict().items()}
            best = (found, state)
        progress(epoch + 1, masking.epochs)
    network.load_state_dict(best[1])
    return MaskedCnn(network, (rows, columns), mean, spread, best[0])


def _network(rows: int, columns: int, masking: Masking) -> nn.Module:
    places = (rows // DEFAULT_BLOCK) * (columns // DEFAULT_BLOCK)
    return nn.Sequential(
        nn.Conv2d(1, _CHANNELS, DEFAULT_BLOCK, DEFAULT_BLOCK),
        nn.BatchNorm2d(_CHANNELS),
        nn.ReLU(),
        nn.Conv2d(_CHANNELS, _CHANNELS // 4, 1),
        nn.BatchNorm2d(_CHANNELS // 4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(masking.dropout),
        nn.Linear(places * _CHANNELS // 4, _HIDDEN),
        nn.ReLU(),
        nn.Dropout(masking.dropout),
        nn.Linear(_HIDDEN, 1),
        nn.Flatten(0),
    )


def _masked(batch: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Zeroes (the mean, after scaling) whole blocks, another share in each image."""
    count, _, rows, columns = batch.shape
    shares = share * torch.rand(count, 1, 1, 1, generator=generator)
    shape = (count, 1, rows // DEFAULT_BLOCK, columns // DEFAULT_BLOCK)
    kept = (torch.rand(shape, generator=generator) >= shares).float()
    blocks = kept.repeat_interleave(DEFAULT_BLOCK, 2).repeat_interleave(DEFAULT_BLOCK, 3)
    return batch * blocks


def _tensor(images: UInt8Images, mean: float, spread: float) -> torch.Tensor:
    scaled = (images.astype(np.float32) - mean) / spread
    return torch.from_numpy(scaled)[:, None]


def save_masked_cnn(trained: MaskedCnn, path: Path) -> None:
    """Writes an ``.npz`` of weights; nothing in it can run code."""
    arrays = {name: value.numpy() for name, value in trained.network.state_dict().items()}
    about = np.array([trained.mean, trained.spread, trained.validation_auc])
    np.savez(path, about=about, shape=np.array(trained.shape), **arrays)


def load_masked_cnn(path: Path) -> MaskedCnn:
    """Reads `save_masked_cnn`'s file."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    mean, spread, validation_auc = arrays.pop("about")
    rows, columns = map(int, arrays.pop("shape"))
    network = _network(rows, columns, Masking())
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items()})
    return MaskedCnn(network, (rows, columns), float(mean), float(spread), float(validation_auc))
