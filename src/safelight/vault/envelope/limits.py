"""Bounds, each checked before anything is allocated."""

from __future__ import annotations

MAX_RECIPIENTS = 64
"""A site's readers. 64 hybrid recipients are 76 kB of header."""

MIN_CHUNK_LOG2 = 10
MAX_CHUNK_LOG2 = 22
"""4 MiB: an opener holds three chunks at a time."""

DEFAULT_CHUNK_LOG2 = 18
"""256 KiB stays in a core's second-level cache; its tag is 0.006 % of it."""

MAX_CHUNKS = 1 << 32
"""The nonce has 32 bits for the index: 1 PiB at the default size."""

MAX_CONTEXT_BYTES = 1 << 16
"""Context is a name or a digest, not a payload."""

MAX_IN_MEMORY_BYTES = 1 << 31
"""What `open_bytes` opens; larger envelopes are opened from file to file."""
