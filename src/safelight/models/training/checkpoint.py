"""Checkpoints of a run: written whole or not at all, read without pickle's dangers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from safelight.errors import InputError


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers and lists; a killed write leaves the checkpoint before it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        torch.save(state, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a checkpoint; nothing in it is executed.

    Raises:
        InputError: Damaged, or not a checkpoint.
    """
    try:
        state = torch.load(path, weights_only=True)
    except Exception as exc:
        # what it raises for a damaged file differs between releases
        raise InputError(
            f"the checkpoint {path.name} is damaged",
            hint="remove it to start this part again",
        ) from exc
    if not isinstance(state, dict):
        raise InputError(f"the checkpoint {path.name} is not one of ours")
    return state
