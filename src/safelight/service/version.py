"""The release that runs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("safelight")
except PackageNotFoundError:  # run from the source tree
    VERSION = "0+source"
