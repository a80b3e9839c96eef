"""Making and opening archives."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from safelight.errors import ArchiveError
from safelight.vault.archive import keyring as keyrings
from safelight.vault.archive.archive import Archive, Permit
from safelight.vault.archive.index import Index
from safelight.vault.archive.keyring import Keyring, keyring_stamp, load_keyring, save_keyring
from safelight.vault.archive.object_store import FolderStore, ObjectStore
from safelight.vault.archive.url_store import UrlStore
from safelight.vault.envelope.keys import PrivateKey, PublicKey
from safelight.vault.envelope.whole_file import whole_file

_DESCRIPTION = "archive.json"
_FORMAT, _VERSION = "safelight-archive", 1
_MAX_DESCRIPTION_BYTES = 1 << 14


def create_archive(folder: Path, recipients: Sequence[PublicKey], *, url: str | None = None) -> str:
    """Makes an empty archive.

    Args:
        folder: New, or empty.
        recipients: Who may use it: hybrid keys.
        url: Where the objects go; in the folder if None.

    Returns:
        The archive's fingerprint.

    Raises:
        VaultError: the folder holds something, or cannot be written; a key is not a hybrid one.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        occupied = any(folder.iterdir())
    except OSError as exc:
        raise ArchiveError(f"{folder.name} cannot be made ({exc.strerror})") from exc
    if occupied:
        raise ArchiveError(f"{folder.name} is not empty", hint="choose a new folder")
    _store(folder, url)  # before anything is made
    keyring = Keyring.generate()
    Index(folder, create=True).close()
    document = {"format": _FORMAT, "version": _VERSION, "url": url}
    with whole_file(folder / _DESCRIPTION) as file:
        file.write((json.dumps(document, indent=2) + "\n").encode("utf-8"))
    # last: without it, it is no archive yet
    save_keyring(keyring, folder, recipients)
    return keyring.fingerprint


def open_archive(
    folder: Path,
    keys: Sequence[PrivateKey],
    *,
    permit: Permit | None = None,
    wait_s: float = 30.0,
) -> Archive:
    """Opens an archive.

    Args:
        folder: Of the archive.
        keys: Ours; one must be a recipient's.
        permit: Asked before each operation.
        wait_s: How long to wait for another writer.

    Raises:
        ArchiveError: not an archive, of another version, or not for these keys.
    """
    # before the keyring is read: one that is replaced in between is noticed on writing
    stamp = keyring_stamp(folder)
    keyring = load_keyring(folder, keys)
    store = _store(folder, _url(folder))
    return Archive(folder, keyring, store, stamp=stamp, permit=permit, wait_s=wait_s)


def is_archive(folder: Path) -> bool:
    """Whether there is a keyring."""
    return (folder / keyrings.FILE_NAME).is_file()


def _store(folder: Path, url: str | None) -> ObjectStore:
    return FolderStore(folder / "objects") if url is None else UrlStore(url)


def _url(folder: Path) -> str | None:
    damaged = ArchiveError(f"{_DESCRIPTION} is damaged", hint="restore it from a copy")
    try:
        with (folder / _DESCRIPTION).open("rb") as file:
            document = json.loads(file.read(_MAX_DESCRIPTION_BYTES))
        stated, url = (document["format"], document["version"]), document["url"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise damaged from exc
    if stated != (_FORMAT, _VERSION):
        raise ArchiveError("the archive is of another version than this release reads")
    if url is not None and not isinstance(url, str):
        raise damaged
    return url
