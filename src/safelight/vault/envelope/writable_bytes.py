"""Bytes of a known length, written in place and handed over without a copy."""

from __future__ import annotations

import io


class WritableBytes:
    """A buffer that becomes `bytes`.

    ``io.BytesIO`` gives its buffer away uncopied when nobody else holds it; ``bytes(bytearray)``
    copies, which for 64 MB costs as much as encrypting them.

    Args:
        length: In bytes.
    """

    def __init__(self, length: int) -> None:
        self._buffer = io.BytesIO()
        if length:
            self._buffer.seek(length - 1)
            self._buffer.write(b"\0")

    def view(self) -> memoryview:
        """To write into; released before `finish`."""
        return self._buffer.getbuffer()

    def finish(self, length: int | None = None) -> bytes:
        """The bytes, or the first ``length`` of them."""
        if length is not None:
            self._buffer.truncate(length)
        return self._buffer.getvalue()
