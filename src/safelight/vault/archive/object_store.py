"""Where sealed objects lie: names to bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from safelight.errors import ArchiveError, VaultError
from safelight.vault.envelope.whole_file import sync_folder, whole_file

_SUFFIX = ".slev"


class ObjectStore(Protocol):
    """A place for objects.

    **Contract**: `write` replaces; an object that was written whole is read whole. What a write
    that was cut off leaves behind is never taken for one: nothing is read whose row is not there.
    """

    def write(self, name: str, data: bytes) -> None:
        """Stores an object, durably."""

    def read(self, name: str) -> bytes:
        """All bytes of an object.

        Raises:
            ArchiveError: it is not there or cannot be read.
        """

    def remove(self, name: str) -> None:
        """Removes an object; nothing happens if there is none."""

    def names(self) -> Iterator[str]:
        """All objects, in no order."""

    def leftovers(self) -> list[Path]:
        """Temporary files of writes that were cut off, where there can be such."""


class FolderStore:
    """Objects as files, in 256 folders.

    Args:
        folder: Made where missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        """Whole or not at all."""
        path = self._path(name)
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                # else a power failure takes a folder, and the object in it, from under its row
                sync_folder(self._folder)
                sync_folder(self._folder.parent)
            with whole_file(path, replace=True) as file:
                file.write(data)
        except VaultError as exc:
            raise ArchiveError(exc.message.replace(path.name, "the object"), hint=exc.hint) from exc
        except OSError as exc:
            raise ArchiveError(f"the object cannot be written ({exc.strerror})") from exc

    def read(self, name: str) -> bytes:
        """All bytes."""
        try:
            return self._path(name).read_bytes()
        except OSError as exc:
            raise ArchiveError(
                f"an object of the index cannot be read ({exc.strerror})",
                hint="restore the archive's objects from a copy",
            ) from exc

    def remove(self, name: str) -> None:
        """Removes the file."""
        try:
            path = self._path(name)
            if path.exists():
                path.unlink(missing_ok=True)
                sync_folder(path.parent)  # what was deleted does not come back
        except OSError as exc:
            raise ArchiveError(f"an object cannot be removed ({exc.strerror})") from exc

    def names(self) -> Iterator[str]:
        """All whole objects."""
        for path in self._folder.glob(f"??/*{_SUFFIX}"):
            if not path.name.startswith("."):
                yield path.name.removesuffix(_SUFFIX)

    def leftovers(self) -> list[Path]:
        """Temporary files."""
        with contextlib.suppress(OSError):
            return sorted(self._folder.glob("??/.*.part"))
        return []

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}{_SUFFIX}"
