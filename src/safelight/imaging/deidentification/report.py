"""What was done to a file: tags and actions, never values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class DeidentificationReport:
    """Filled while a data set is walked.

    Args:
        edition: Of the table.
        options: As chosen.
        actions: How often each action met each attribute: ``(path, action)``; a path names the
            sequences around an attribute, and the tag where there is no keyword.
        notes: What the person should know.
    """

    edition: str
    options: dict[str, str | bool]
    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def record(self, path: tuple[str, ...], action: str) -> None:
        """Counts one attribute."""
        self.actions[".".join(path), action] += 1

    def note(self, text: str) -> None:
        """Adds a sentence, once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def totals(self) -> dict[str, int]:
        """How many attributes each action met."""
        totals: Counter[str] = Counter()
        for (_, action), count in self.actions.items():
            totals[action] += count
        return dict(sorted(totals.items()))

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "edition": self.edition,
            "options": self.options,
            "totals": self.totals,
            "attributes": [
                {"attribute": path, "action": action, "count": count}
                for (path, action), count in sorted(self.actions.items())
            ],
            "notes": self.notes,
        }
