"""The door to Cedar, an optional package: the only module that imports ``cedarpy``."""

from __future__ import annotations

import functools
import importlib
from importlib import resources
from typing import Any

from safelight.errors import AccessError

NAMESPACE = "Safelight"


@functools.cache
def cedar() -> Any:
    """The package ``cedarpy``.

    Raises:
        AccessError: It is not installed: rules that cannot be applied are no rules.
    """
    try:
        return importlib.import_module("cedarpy")
    except ImportError as exc:
        raise AccessError(
            "access rules are configured and Cedar is not installed",
            hint="pip install 'safelight[access]'",
        ) from exc


@functools.cache
def schema_text() -> str:
    """The schema that every policy must fit."""
    file = resources.files("safelight.vault.access").joinpath("schema.cedarschema")
    return file.read_text(encoding="utf-8")


@functools.cache
def schema() -> Any:
    """The schema, parsed."""
    return cedar().Schema.from_str(schema_text())
