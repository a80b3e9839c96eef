"""Reading a JSON object field by field, each of exactly one type and within its bounds."""

from __future__ import annotations

import math
from typing import Any

from safelight.errors import MalformedError


class JsonObject:
    """A JSON object of which every field must be taken exactly once.

    Args:
        value: Parsed JSON.
        where: What it is, for messages.

    Raises:
        MalformedError: Not an object; and by every method, where the field is not as asked.
    """

    def __init__(self, value: Any, where: str) -> None:
        if type(value) is not dict:
            raise MalformedError(f"{where} is not an object")
        self._rest: dict[str, Any] = dict(value)
        self.where = where

    def integer(self, name: str, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return checked_integer(self.take(name), low, high, f"{name} of {self.where}")

    def positive_real(self, name: str) -> float:
        """A positive finite float."""
        value = self.take(name)
        if type(value) is not float or not math.isfinite(value) or value <= 0.0:
            raise MalformedError(f"{name} of {self.where} is not a positive number")
        return value

    def text(self, name: str, most: int) -> str:
        """A string of at most ``most`` characters, all printable."""
        value = self.take(name)
        if type(value) is not str or len(value) > most or not value.isprintable():
            raise MalformedError(f"{name} of {self.where} is not a text of up to {most} characters")
        return value

    def items(self, name: str, most: int) -> list[Any]:
        """A list of at most ``most`` items."""
        return checked_list(self.take(name), most, f"{name} of {self.where}")

    def take(self, name: str) -> Any:
        """A field as it is."""
        if name not in self._rest:
            raise MalformedError(f"{self.where} has no {name}")
        return self._rest.pop(name)

    def close(self) -> None:
        """Refuses fields that nobody took."""
        if self._rest:
            raise MalformedError(f"{self.where} has {len(self._rest)} unknown fields")


def checked_integer(value: Any, low: int, high: int, what: str) -> int:
    """``value`` if it is a whole number from ``low`` to ``high``, and no boolean."""
    if type(value) is not int or not low <= value <= high:
        raise MalformedError(f"{what} is not a whole number from {low} to {high}")
    return value


def checked_list(value: Any, most: int, what: str) -> list[Any]:
    """``value`` if it is a list of at most ``most`` items."""
    if type(value) is not list or len(value) > most:
        raise MalformedError(f"{what} is not a list of up to {most} items")
    return value
