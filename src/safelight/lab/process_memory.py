"""Peak memory of a process, from the operating system."""

from __future__ import annotations

import os
from pathlib import Path

from safelight.errors import InputError


def peak_memory_mb(pid: int | None = None) -> float:
    """Largest resident size so far, MB of 1024 squared bytes (``VmHWM``).

    Args:
        pid: Of a living process; this one if None.

    Raises:
        InputError: The system does not tell.
    """
    path = Path(f"/proc/{os.getpid() if pid is None else pid}/status")
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        line = next(each for each in lines if each.startswith("VmHWM"))
    except (OSError, StopIteration) as exc:
        raise InputError(
            "this system does not tell a process's peak memory", hint="run it on Linux"
        ) from exc
    return int(line.split()[1]) / 1024
