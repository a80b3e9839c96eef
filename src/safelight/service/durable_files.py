"""Files that are whole or not there, also after the power fails."""

from __future__ import annotations

import os
from pathlib import Path


def make_private_folder(path: Path) -> Path:
    """The folder, made with its parents where missing; nobody else may enter it."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def sync_folder(path: Path) -> None:
    """Makes the names in a folder durable: a rename is lost without it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_durably(path: Path, data: bytes) -> None:
    """A new file, mode 0600, that is on the disk when this returns, or not there when it raises."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:  # a full disk: what was begun takes room and is of no use
        path.unlink(missing_ok=True)
        raise


def move_durably(source: Path, target: Path) -> None:
    """Gives a synced file its final name, atomically, in a folder made where missing."""
    make_private_folder(target.parent)
    source.replace(target)
    sync_folder(target.parent)
