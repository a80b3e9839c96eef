"""Objects under a URL, through fsspec: S3, WebDAV, SFTP and others.

Only sealed bytes and keyed digests leave the machine. Credentials are fsspec's business: its
configuration and the environment, never the URL.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safelight.errors import ArchiveError

_SUFFIX = ".slev"


class UrlStore:
    """Objects of one prefix.

    Args:
        url: Such as ``s3://bucket/prefix``.

    Raises:
        ArchiveError: fsspec, or its part for this kind of URL, is not installed; or the URL holds
            credentials.
    """

    def __init__(self, url: str) -> None:
        authority = url.partition("://")[2].partition("/")[0]
        if "@" in authority:
            raise ArchiveError(
                "the archive's URL holds credentials",
                hint="give them by the environment or fsspec's configuration",
            )
        try:
            core: Any = importlib.import_module("fsspec.core")
            self._files, root = core.url_to_fs(url)
        except ImportError as exc:
            raise ArchiveError(
                "archives under a URL need more packages",
                hint="pip install 'safelight[archive]', and fsspec's package for this kind of URL",
            ) from exc
        except ValueError as exc:
            raise ArchiveError("no package knows this kind of URL") from exc
        self._root = str(root).rstrip("/")
        spec: Any = importlib.import_module("fsspec.spec")
        # fsspec's own `mv` copies and deletes: only a file system's own is a rename
        self._renames = type(self._files).mv is not spec.AbstractFileSystem.mv

    def write(self, name: str, data: bytes) -> None:
        """Stores in one request, or under another name first where the store can rename.

        Object stores show an object when all of it has come. On others (SFTP, WebDAV, SMB) a
        write that is cut off would leave a part of an object where a whole one was.
        """
        path = self._path(name)
        self._do(lambda: self._files.makedirs(path.rpartition("/")[0], exist_ok=True))
        if not self._renames:
            self._do(lambda: self._files.pipe_file(path, data))
            return
        # a stray like any other if this is cut off: `vault verify --clean` removes it
        unfinished = self._path(f"{name}.part")
        self._do(lambda: self._files.pipe_file(unfinished, data))
        self._do(lambda: self._files.mv(unfinished, path))

    def read(self, name: str) -> bytes:
        """All bytes."""
        data: bytes = self._do(lambda: self._files.cat_file(self._path(name)))
        return data

    def remove(self, name: str) -> None:
        """Removes the object."""
        if self._do(lambda: self._files.exists(self._path(name))):
            self._do(lambda: self._files.rm_file(self._path(name)))

    def names(self) -> Iterator[str]:
        """All objects."""
        if not self._do(lambda: self._files.exists(self._root)):
            return
        for path in self._do(lambda: self._files.find(self._root)):
            name = str(path).rpartition("/")[2]
            if name.endswith(_SUFFIX):
                yield name.removesuffix(_SUFFIX)

    def leftovers(self) -> list[Path]:
        """None that can be told apart."""
        return []

    def _path(self, name: str) -> str:
        return f"{self._root}/{name[:2]}/{name}{_SUFFIX}"

    @staticmethod
    def _do(call: Any) -> Any:
        """One error, without the store's own words: they may hold tokens."""
        try:
            return call()
        except Exception as exc:
            raise ArchiveError(
                f"the remote store refused ({type(exc).__name__})",
                hint="check the network, the credentials and the bucket",
            ) from exc
