"""Arrays of an ``.npz`` file, without pickle, with errors a person understands."""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

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
    with (
        errors_of(path),
        path.open("rb") as stream,
        np.load(stream, allow_pickle=False) as file,
    ):
        _check_there(path, names, file.files)
        return {name: file[name] for name in names}


@dataclass(frozen=True)
class StoredArray:
    """An array that is still in its file.

    Args:
        path: The ``.npz``.
        name: In it.
        member: The same as the archive spells it, with or without ``.npy``.
        shape: Of the whole.
        dtype: Of an element.
    """

    path: Path
    name: str
    member: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def parts(self, count: int) -> Iterator[NDArray[Any]]:
        """The array in its order, ``count`` rows of the first axis at a time, read as they go.

        Raises:
            InputError: Damaged.
        """
        row = self.shape[1:]
        size = math.prod(row) * self.dtype.itemsize
        with errors_of(self.path), zipfile.ZipFile(self.path) as file:
            stream = file.open(self.member)
            _, _, columns_first = _header(stream)
            if columns_first and len(self.shape) > 1:  # no rows in such a file
                yield from _split(read_npz(self.path, [self.name])[self.name], count)
                return
            for first in range(0, self.shape[0], count):
                rows = min(count, self.shape[0] - first)
                content = stream.read(rows * size)
                yield np.frombuffer(content, dtype=self.dtype).reshape(rows, *row)


def stored_arrays(path: Path, names: Sequence[str]) -> dict[str, StoredArray]:
    """The named arrays, of which nothing but shape and type is read.

    Raises:
        InputError: Damaged, arrays of objects, or one missing.
    """
    found = {}
    with errors_of(path), zipfile.ZipFile(path) as file:
        members = {each.removesuffix(".npy"): each for each in file.namelist()}
        _check_there(path, names, list(members))
        for name in names:
            member = members[name]
            with file.open(member) as stream:
                shape, dtype, _ = _header(stream)
                start = stream.tell()
            if start + math.prod(shape) * dtype.itemsize != file.getinfo(member).file_size:
                raise ValueError("an array has another length than its header says")
            found[name] = StoredArray(path, name, member, shape, dtype)
    return found


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Shape, type and whether the first axis runs fastest."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)  # fmt: skip
    if read is None:
        raise ValueError("an array of a version that holds no plain numbers")
    shape, columns_first, dtype = read(stream)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    return shape, dtype, columns_first


def _split(array: NDArray[Any], count: int) -> Iterator[NDArray[Any]]:
    for first in range(0, len(array), count):
        yield np.ascontiguousarray(array[first : first + count])


def _check_there(path: Path, names: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        raise InputError(
            f"{path.name} has no {', '.join(missing)}", hint="it is not such a data set"
        )


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """What reading a file raises, as our errors."""
    try:
        yield
    except MemoryError as exc:
        raise InputError(
            f"{path.name} does not fit into the memory of this machine: {exc}",  # counts, shapes
            hint="to train, set a smaller size under [data], such as size = 64; else take the "
            "file at a smaller size",
        ) from exc
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
