"""Figures for the operator, in Prometheus's text format; sums over all clients."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

# Routes are templates and methods are our own, so that the series stay few.
_Labels = tuple[tuple[str, str], ...]


class Metrics:
    """Counters since the start of the process; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters: dict[str, Counter[_Labels]] = {}

    def add(self, name: str, value: float = 1, **labels: str) -> None:
        """Adds to a counter."""
        with self._lock:
            counter = self._counters.setdefault(name, Counter())
            counter[tuple(sorted(labels.items()))] += value  # type: ignore[assignment]

    def text(self, gauges: Mapping[str, Mapping[str, float]]) -> str:
        """Everything as text.

        Args:
            gauges: Name → status → value, as they are now; the status ``""`` has no label.
        """
        lines: list[str] = []
        with self._lock:
            for name, counter in sorted(self._counters.items()):
                lines.append(f"# TYPE safelight_{name} counter")
                lines += [
                    f"safelight_{name}{_label_text(labels)} {value:g}"
                    for labels, value in sorted(counter.items())
                ]
        for name, values in gauges.items():
            lines.append(f"# TYPE safelight_{name} gauge")
            lines += [
                f"safelight_{name}{_label_text((('status', status),) if status else ())} {value:g}"
                for status, value in sorted(values.items())
            ]
        return "\n".join(lines) + "\n"


def _label_text(labels: _Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}"
