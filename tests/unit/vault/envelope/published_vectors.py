"""Reads the published vectors that the package ``cryptography_vectors`` carries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


def folder() -> Path:
    """Where they are; skips where the package is not installed."""
    package = pytest.importorskip(
        "cryptography_vectors", reason="cryptography_vectors is not installed: no published vectors"
    )
    return Path(package.__file__).parent


def fields(path: Path) -> Iterator[dict[str, str]]:
    """Blocks of ``NAME = value`` lines, as NIST's CAVP and the RFCs' files have them.

    Names are in capitals; a line in brackets is a field ``[]`` of all blocks behind it.
    """
    block: dict[str, str] = {}
    section = ""
    for line in [*path.read_text("ascii").splitlines(), ""]:
        if line.startswith("["):
            section = line
        elif not line.strip():
            if block:
                yield {"[]": section, **block}
            block = {}
        elif "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            block[name.strip().upper()] = value.strip()
        elif line.strip() == "FAIL":
            block["FAIL"] = "1"
