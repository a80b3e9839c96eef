"""Small synthetic data sets of each task, learnable from where brightness lies."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def arrays(
    task: str, count: int = 96, side: int = 12, *, channels: int = 1, seed: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels ``[n, 1]`` or ``[n, 3]`` in MedMNIST's layout."""
    generator = np.random.default_rng(seed)
    shape = (count, side, side, 3) if channels == 3 else (count, side, side)
    images = generator.integers(0, 120, shape)
    half = side // 2
    if task == "multi-label":
        labels = generator.integers(0, 2, (count, 3))
        images[labels[:, 0] == 1, :half] += 60
        images[labels[:, 1] == 1, half:] += 60
        images[labels[:, 2] == 1, :, :half] += 60
    else:
        classes = 2 if task == "binary" else 4
        labels = (np.arange(count) % classes)[:, None]
        for k in range(classes):
            rows = slice(0, half) if k % 2 else slice(half, side)
            columns = slice(0, half) if k // 2 else slice(half, side)
            chosen = np.flatnonzero(labels[:, 0] == k)
            images[chosen, rows, columns] += 90
    return images.clip(0, 255).astype(np.uint8), labels.astype(np.uint8)


def write_npz(path: Path, task: str, *, side: int = 12, channels: int = 1) -> Path:
    """A file as MedMNIST's."""
    content = {}
    for seed, (split, count) in enumerate((("train", 96), ("val", 48), ("test", 48))):
        images, labels = arrays(task, count, side, channels=channels, seed=seed)
        content[f"{split}_images"], content[f"{split}_labels"] = images, labels
    np.savez(path, **content)
    return path


class Lines:
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        pass
