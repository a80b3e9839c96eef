"""Fixtures for every test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data that ``SAFELIGHT_DATA`` names; skips where there is none."""
    named = os.environ.get("SAFELIGHT_DATA")
    if not named:
        pytest.skip("SAFELIGHT_DATA is not set: no real data here")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip("SAFELIGHT_DATA does not name a folder")
    return folder
