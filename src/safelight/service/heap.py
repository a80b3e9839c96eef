"""Makes the C heap give back what it does not need.

glibc raises the size from which blocks are mapped by themselves whenever one is freed, and keeps an
arena a thread; a service that unpacks megabytes of keys in several threads would keep all of that.
"""

from __future__ import annotations

import ctypes
import sys

# malloc.h of glibc
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_THRESHOLD_BYTES = 1024 * 1024
_ARENAS = 2


def give_memory_back() -> None:
    """From now on blocks of a megabyte return to the system when freed; only with glibc."""
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return
    mallopt(_M_MMAP_THRESHOLD, _THRESHOLD_BYTES)
    mallopt(_M_ARENA_MAX, _ARENAS)
