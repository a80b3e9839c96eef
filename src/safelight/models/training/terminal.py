"""What training tells the person: lines and a bar on stderr."""

from __future__ import annotations

import sys
import time

from safelight.models.training.fit import Progress


def say(text: str) -> None:
    """One line."""
    print(text, file=sys.stderr, flush=True)


def epoch_bar(label: str, *, width: int = 24) -> Progress:
    """A bar over the epochs: redrawn on a terminal, a line every tenth of the way elsewhere."""
    start = time.monotonic()
    live = sys.stderr.isatty()

    def show(epoch: int, epochs: int, loss: float) -> None:
        elapsed_s = time.monotonic() - start
        left_s = elapsed_s / epoch * (epochs - epoch)
        filled = width * epoch // epochs
        bar = "█" * filled + "░" * (width - filled)
        times = f"{elapsed_s:.0f} s, {left_s:.0f} s left"
        line = f"{label} {bar} {epoch}/{epochs}  loss {loss:.4f}  {times}"
        if live:
            end = "\n" if epoch == epochs else ""
            print(f"\r\033[K{line}", file=sys.stderr, end=end, flush=True)
        elif epoch * 10 // epochs > (epoch - 1) * 10 // epochs:
            say(line)

    return show
