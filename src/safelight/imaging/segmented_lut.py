"""Segmented palette tables, expanded (PS3.3 C.7.9.2).

A table is a row of segments: values written out, straight lines from the last value, or an
earlier run of segments once more.
"""

from __future__ import annotations

from collections.abc import Sequence

from safelight.errors import ImageError

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2
_MAX_ENTRIES = 2**16


def expand_segments(codes: Sequence[int], *, bits: int) -> tuple[int, ...]:
    """The entries that the segments stand for.

    Args:
        codes: Segment data as unsigned integers of ``bits`` each.
        bits: 8 or 16; an indirect segment's offset is counted in bytes.

    Raises:
        ImageError: not valid segments, or more than 65536 entries.
    """
    entries: list[int] = []
    _expand(codes, 0, None, entries, bits, indirect_allowed=True)
    return tuple(entries)


def _expand(
    codes: Sequence[int],
    position: int,
    segment_count: int | None,
    entries: list[int],
    bits: int,
    *,
    indirect_allowed: bool,
) -> None:
    """Appends the entries of ``segment_count`` segments from ``position``, or of all there are."""
    done = 0
    while position + 2 < len(codes) and (segment_count is None or done < segment_count):
        opcode, length = codes[position], codes[position + 1]
        if opcode == _DISCRETE and position + 2 + length <= len(codes):
            entries.extend(codes[position + 2 : position + 2 + length])
            position += 2 + length
        elif opcode == _LINEAR and entries:
            last, target = entries[-1], codes[position + 2]
            entries.extend(round(last + (target - last) * (k + 1) / length) for k in range(length))
            position += 3
        elif opcode == _INDIRECT and indirect_allowed:
            offset = _indirect_offset(codes, position, bits)
            if offset >= position:
                raise _invalid()
            _expand(codes, offset, length, entries, bits, indirect_allowed=False)
            position += 2 + (4 if bits == 8 else 2)
        else:
            raise _invalid()
        done += 1
        if len(entries) > _MAX_ENTRIES:
            raise _invalid()
    if segment_count is not None and done < segment_count:
        raise _invalid()


def _indirect_offset(codes: Sequence[int], position: int, bits: int) -> int:
    """Where the copied segments start, as an index; least significant part first."""
    parts = codes[position + 2 : position + (6 if bits == 8 else 4)]
    return sum(part << (bits * index) for index, part in enumerate(parts)) // (bits // 8)


def _invalid() -> ImageError:
    return ImageError(
        "a segmented palette is not valid",
        hint="the file does not conform to PS3.3 C.7.9.2; export it again",
    )
