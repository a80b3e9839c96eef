"""What of a model runs in the clear at the clinic, as every command shows it."""

from __future__ import annotations

from collections.abc import Sequence

from safelight.imaging.public_part import PublicPart


def public_part_lines(parts: Sequence[PublicPart]) -> str:
    """One line a part; nothing for a model without one."""
    return "".join(
        f"  public part  {part.name}: {part.does}; in the clear, here ({part.digest[:16]}…)\n"
        for part in parts
    )
