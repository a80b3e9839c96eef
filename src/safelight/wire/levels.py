"""Levels of protection, in order: one word on every request, result, table and screen.

    homomorphic > envelope > obfuscated > plaintext

**Security**: a level is never lowered silently. Who asks names the level, who answers signs it,
and both refuse another one.
"""

from __future__ import annotations

from typing import Final, Literal

from safelight.errors import InputError

Level = Literal["plaintext", "obfuscated", "envelope", "homomorphic"]

# From the weakest to the strongest.
LEVELS: Final[tuple[Level, ...]] = ("plaintext", "obfuscated", "envelope", "homomorphic")

# For people: what the service can see.
MEANINGS: Final[dict[Level, str]] = {
    "plaintext": "the service sees the image; for comparison only",
    "obfuscated": "the image is hidden by a keyed transformation, which is not encryption",
    "envelope": "encrypted on the way and at rest; the service sees the image while it computes",
    "homomorphic": "the service computes on ciphertext and sees no image",
}


def level_of(text: object) -> Level:
    """The level of that name.

    Raises:
        InputError: There is none.
    """
    for level in LEVELS:
        if level == text:
            return level
    raise InputError(
        "this is not a level of protection", hint=f"one of {', '.join(reversed(LEVELS))}"
    )


def rank(level: Level) -> int:
    """Place in the order: 0 is the weakest."""
    return LEVELS.index(level)


def at_least(level: Level, minimum: Level) -> bool:
    """Whether a level protects as much as another."""
    return rank(level) >= rank(minimum)
