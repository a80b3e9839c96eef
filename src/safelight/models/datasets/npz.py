"""Arrays of an ``.npz`` file, without pickle, with errors a person understands."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safelight.errors import InputError


def read_npz(path: Path, names: Sequence[str], *, hint: str = "") -> dict[str, NDArray[Any]]:
    """The named arrays.

    Args:
        path: The file.
        names: Of arrays that must be there.
        hint: What to do where the file is not there.

    Raises:
        InputError: No such file, damaged, arrays of objects, or one missing.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}", hint=hint)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            missing = [name for name in names if name not in file.files]
            if missing:
                raise InputError(
                    f"{path.name} has no {', '.join(missing)}", hint="it is not such a data set"
                )
            return {name: file[name] for name in names}
    except (
        OSError, ValueError, EOFError, AttributeError, NotImplementedError,
        zipfile.BadZipFile, zlib.error,
    ) as exc:  # fmt: skip
        raise InputError(
            f"{path.name} is damaged or not an .npz file", hint="get it again"
        ) from exc


def md5_of_file(path: Path) -> str:
    """Hex; to know a published file again, not against an adversary."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
