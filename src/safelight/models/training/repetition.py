"""The configuration that repeats a training, from what its ``model.json`` records."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from safelight.models.training.config import SECTIONS

_FLIPS = ("flip", "flip_vertical", "turns")


def repeating(training: Mapping[str, Any]) -> dict[str, Any]:
    """What was asked for, with what a clock or a trial decided written down.

    Args:
        training: Of a ``model.json``: ``config`` and ``plan``.
    """
    tables: dict[str, Any] = copy.deepcopy(training["config"])
    plan, fixed = training["plan"], tables["training"]
    recipe = plan["recipe"]
    fixed |= {
        "minutes": 0.0,
        "epochs": recipe["epochs"],
        "seeds": list(plan["seeds"]),
        "threads": plan["threads"],
    }
    if not training.get("privacy"):
        fixed["teachers"] = len(plan["teacher_seeds"])
    if plan["teacher_seeds"]:
        fixed["teacher_epochs"] = plan["teacher_recipe"]["epochs"]
    if recipe["augmentation"] is not None and not tables["augmentation"]:
        # of an unknown kind of image a trial decided them
        tables["augmentation"] = {name: recipe["augmentation"][name] for name in _FLIPS}
    return tables


def repeats_exactly(training: Mapping[str, Any]) -> bool:
    """Whether `repeating` gives the same weights: not where the clock ended a course early."""
    recipe = training["plan"]["recipe"]
    whole = recipe["patience"] > 0 or set(training["epochs"]) == {recipe["epochs"]}
    return whole and recipe["images_per_epoch"] == 0


def toml_text(tables: Mapping[str, Any]) -> str:
    """TOML of the fields that differ from their defaults."""
    lines: list[str] = []
    for section, fields in tables.items():
        usual = json.loads(json.dumps(asdict(SECTIONS[section]()))) if section in SECTIONS else {}
        told = [
            f"{name} = {_value(value)}"
            for name, value in fields.items()
            if value != usual.get(name)
        ]
        if told:
            lines += ["", f"[{section}]", *told]
    return "\n".join(lines[1:]) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name} = {_value(each)}' for name, each in value.items())}}}"
    # texts, numbers and truth values are written alike in JSON and TOML, but for one character
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
