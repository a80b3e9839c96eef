"""Archives that a key has opened before, remembered beside its file.

An envelope does not prove who sealed it: somebody who can write to an archive's folder could put
a keyring of their own there, for our public key, and read what we put afterwards. The fingerprint
of an archive never changes, so another one at the same place is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

from safelight.errors import ArchiveError

_SUFFIX = ".archives.json"
_MAX_BYTES = 1 << 20


def check_known(key_file: Path, folder: Path, fingerprint: str) -> None:
    """Compares an archive with what is remembered; remembers it the first time.

    Raises:
        ArchiveError: another archive is at this place than before.
    """
    path = key_file.with_name(key_file.name + _SUFFIX)
    place = str(folder.resolve())
    known = _read(path)
    if place not in known:
        known[place] = fingerprint
        _write(path, known)
    elif known[place] != fingerprint:
        raise ArchiveError(
            "another archive is here than when this key was last used",
            hint=f"if you know why, remove its line from {path.name}",
        )


def _read(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            document = json.loads(file.read(_MAX_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise ArchiveError(f"{path.name} cannot be read") from exc
    if not isinstance(document, dict):
        raise ArchiveError(f"{path.name} is damaged")
    return {str(place): str(fingerprint) for place, fingerprint in document.items()}


def _write(path: Path, known: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    # a key on a medium that cannot be written is used without a memory
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(path)
