"""A file that appears whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from safelight.errors import VaultError


@contextmanager
def whole_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """A new file under a temporary name; it gets its own when the block ends without an error.

    It is on the disk before it has its name. Mode 0600. A name that exists is not taken, unless
    ``replace``: also not when somebody else takes it meanwhile, where there are hard links. A
    process that is killed leaves the temporary file, ``.NAME.….part``, with what it had written.

    Raises:
        VaultError: ``path`` exists, or cannot be written.
    """
    if path.exists() and not replace:
        raise VaultError(f"{path.name} exists already", hint="choose another name")
    temporary = path.with_name(f".{path.name[:100]}.{os.urandom(6).hex()}.part")
    try:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # buffered, for a raw file may take less than it is given, as on a disk that is almost full
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, path, replace=replace)
        sync_folder(path.parent)
    except FileExistsError:
        raise VaultError(f"{path.name} exists already", hint="choose another name") from None
    except OSError as exc:
        raise VaultError(
            f"{path.name} cannot be written ({exc.strerror})",
            hint="check space, rights and the folder; nothing was left behind",
        ) from exc
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable: a rename is lost without it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(temporary: Path, path: Path, *, replace: bool) -> None:
    if replace:
        temporary.replace(path)
        return
    try:
        path.hardlink_to(temporary)  # unlike a rename, fails where the name is taken
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError from None
        temporary.replace(path)
