"""zlib streams that may not expand beyond a stated size."""

from __future__ import annotations

import zlib

from safelight.errors import ImageError

_CHUNK_BYTES = 2**20
GZIP_WBITS = 31
RAW_DEFLATE_WBITS = -15


def inflate(stream: bytes, *, wbits: int, limit_bytes: int) -> bytes:
    """The content of a deflate or gzip stream; gzip members in a row are joined.

    Args:
        stream: Compressed bytes.
        wbits: `GZIP_WBITS` or `RAW_DEFLATE_WBITS`.
        limit_bytes: Largest content allowed; nothing beyond it is ever held.

    Raises:
        ImageError: damaged, cut short, or larger than the limit.
    """
    content, complete = _inflate_up_to(stream, wbits, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise ImageError(
            f"the compressed file expands to more than {limit_bytes} bytes",
            hint="the file is damaged or made to exhaust memory; do not trust its source",
        )
    if not complete:
        raise ImageError("the compressed file is cut short", hint="copy or export it again")
    return content


def inflate_start(stream: bytes, *, wbits: int, size_bytes: int) -> bytes:
    """At most the first ``size_bytes`` of the content; fewer when there are no more."""
    return _inflate_up_to(stream, wbits, size_bytes)[0]


def _inflate_up_to(stream: bytes, wbits: int, size_bytes: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    missing = size_bytes
    pending = stream
    decoder = zlib.decompressobj(wbits)
    try:
        while missing > 0:
            part = decoder.decompress(pending, min(missing, _CHUNK_BYTES))
            parts.append(part)
            missing -= len(part)
            if decoder.eof:
                pending = decoder.unused_data.lstrip(b"\0")  # gzip allows zero padding
                if not pending or wbits != GZIP_WBITS:
                    return b"".join(parts), True
                decoder = zlib.decompressobj(wbits)
                continue
            pending = decoder.unconsumed_tail
            if not part and not pending:
                return b"".join(parts), False
    except zlib.error as exc:
        raise ImageError("the compressed file is damaged", hint="copy or export it again") from exc
    return b"".join(parts), False
