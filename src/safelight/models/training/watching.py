"""How training tells a person where it is; the command line draws it."""

from __future__ import annotations

from typing import Protocol


class Watch(Protocol):
    """**Contract**: may be called from the training thread at any time; must be quick."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """``done`` of ``total`` epochs, images or seeds of a part called ``what``."""


class Silence:
    """Nobody watches."""

    def say(self, text: str) -> None:
        """Ignored."""

    def progress(self, what: str, done: int, total: int, note: str = "") -> None:
        """Ignored."""
