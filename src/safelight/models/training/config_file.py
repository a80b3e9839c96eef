"""A configuration read from TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from safelight.errors import InputError
from safelight.models.training.augmentation import Augmentation
from safelight.models.training.bounds import shown
from safelight.models.training.config import SECTIONS, Config
from safelight.models.training.config_checks import check_known, checked


def read_config(path: Path) -> Config:
    """A configuration from a TOML file.

    Raises:
        InputError: No such file, not TOML, an unknown or ill-typed field.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise InputError(f"the configuration {path.name} cannot be read") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(
            f"{path.name} is not TOML: {str(exc)[:120]}", hint="see docs/how-to/train-a-model.md"
        ) from exc
    config = config_from(document)
    data = config.data
    if data.path and not Path(data.path).is_absolute():
        beside = path.parent / data.path
        config = replace(config, data=replace(data, path=str(beside)))
    return config


def config_from(document: Mapping[str, Any]) -> Config:
    """A configuration from tables of values.

    Raises:
        InputError: An unknown or ill-typed field, no data, an unknown network.
    """
    check_known(document, [*SECTIONS, "augmentation"], "section")
    parts = {
        name: kind(**_values(name, kind, document.get(name, {}))) for name, kind in SECTIONS.items()
    }
    augmentation = _values("augmentation", Augmentation, document.get("augmentation", {}))
    return checked(Config(**parts, augmentation=augmentation))


def _values(name: str, kind: type[Any], given: Any) -> dict[str, Any]:
    """The fields that a table gives, each of the type of its default."""
    if not isinstance(given, Mapping):
        raise InputError(f"[{name}] must be a table")
    default = kind()
    check_known(given, [each.name for each in fields(kind)], f"field of [{name}]")
    return {
        key: _typed(f"{name}.{key}", value, getattr(default, key)) for key, value in given.items()
    }


_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _typed(name: str, value: Any, default: Any) -> Any:
    kind = type(default)
    if kind is tuple and isinstance(value, list):
        return tuple(value)
    if kind is float and type(value) is int:
        return float(value) if abs(value) < 2**53 else value  # so large that bounds refuse it
    if type(value) is kind:
        return value
    raise InputError(
        f"{name} = {shown(value)} is not {_TYPES.get(kind, 'a list')}",
        hint=f"its default is {json.dumps(default)}",
    )
