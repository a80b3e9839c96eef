"""Preprocessing steps as JSON objects, read strictly.

A step is ``{"step": name, parameter: value, …}`` with exactly its parameters.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from safelight.errors import MalformedError
from safelight.imaging.step_types import STEP_TYPES, Step
from safelight.imaging.steps import MAX_FEATURES

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

_TYPES = {step_type.NAME: step_type for step_type in STEP_TYPES}


def step_to_json(step: Step) -> dict[str, JsonValue]:
    """The JSON object of a step."""
    values: dict[str, JsonValue] = {"step": step.NAME}
    for parameter in fields(step):
        value = getattr(step, parameter.name)
        values[parameter.name] = list(value) if isinstance(value, tuple) else value
    return values


def step_from_json(value: object) -> Step:
    """The step that a JSON object describes.

    Raises:
        MalformedError: not an object, an unknown step, a parameter missing, unknown, of another
            type or outside its range.
    """
    if not isinstance(value, dict):
        raise MalformedError("a preprocessing step is not an object")
    name = value.get("step")
    step_type = _TYPES.get(name) if isinstance(name, str) else None
    if step_type is None:
        raise MalformedError(
            "a preprocessing step has an unknown name",
            hint="the model may need a newer release of this client",
        )
    parameters = {parameter.name: str(parameter.type) for parameter in fields(step_type)}
    if set(value) != {"step", *parameters}:
        raise MalformedError(
            f"the preprocessing step {step_type.NAME} must have exactly the parameters "
            f"{sorted(parameters)}"
        )
    arguments: dict[str, Any] = {
        key: _parameter(step_type.NAME, kind, value[key]) for key, kind in parameters.items()
    }
    step: Step = step_type(**arguments)
    return step


def _parameter(step: str, kind: str, value: object) -> int | float | str | tuple[float, ...]:
    if kind == "str":
        if isinstance(value, str):
            return value
    elif kind == "int":
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif kind == "float":
        return _number(step, value)
    elif isinstance(value, list) and len(value) <= MAX_FEATURES:
        return tuple(_number(step, entry) for entry in value)
    raise MalformedError(f"a parameter of the preprocessing step {step} has the wrong type")


def _number(step: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as exc:
            raise MalformedError(f"a parameter of the preprocessing step {step} overflows") from exc
    raise MalformedError(f"a parameter of the preprocessing step {step} is not a number")
