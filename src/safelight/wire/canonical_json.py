"""JSON with one byte form for each value, and a parser that takes nothing ambiguous.

The form is RFC 8785's (keys in the order of their UTF-16 units, no white space, UTF-8) except
that floats are written as Python's ``repr``: ``1.0``, ``1e-07``. Who checks a digest hashes the
bytes as they came and never writes them anew.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from safelight.errors import MalformedError
from safelight.wire.frame import Buffer

MAX_DEPTH = 32

# A string, closed or not, is one token: so a scan is linear whatever the bytes.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)


def canonical_json(value: object) -> bytes:
    """The one form of ``value``.

    Args:
        value: Mappings with string keys, lists and tuples, strings, ints, finite floats, booleans
            and None.

    Raises:
        MalformedError: Anything else, a number that is not finite, or nesting too deep.
    """
    try:
        return json.dumps(
            _ordered(value, MAX_DEPTH),
            ensure_ascii=False,
            allow_nan=False,
            check_circular=False,
            separators=(",", ":"),
        ).encode()
    except ValueError as exc:  # includes lone surrogates
        raise MalformedError("a value that JSON cannot carry") from exc


def parse_json(
    data: Buffer, limit: int, *, max_depth: int = MAX_DEPTH, canonical: bool = False
) -> Any:
    """Reads one JSON document from a stranger.

    Args:
        data: UTF-8, without a byte order mark.
        limit: Most bytes that are looked at.
        max_depth: Deepest nesting.
        canonical: Whether only the form of `canonical_json` is accepted.

    Raises:
        MalformedError: Too long or too deep, not JSON, duplicate keys, numbers that are not
            finite, lone surrogates; or not canonical where that is asked for.
    """
    if len(data) > limit:
        raise MalformedError(f"a JSON document of {len(data)} bytes, above {limit}")
    raw = bytes(data)
    _check_depth(raw, max_depth)
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError) as exc:  # UnicodeDecodeError is a ValueError
        raise MalformedError("not a JSON document") from exc
    # re-writing also refuses lone surrogates, which hide in \u escapes
    if (canonical or b"\\u" in raw) and canonical_json(value) != raw and canonical:
        raise MalformedError("the JSON document is not in canonical form")
    return value


def _ordered(value: object, depth: int) -> object:
    if depth < 0:
        raise MalformedError("a value nested too deep for JSON")
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MalformedError("a number that is not finite")
        return float(value)
    if isinstance(value, Mapping):
        if not all(type(key) is str for key in value):
            raise MalformedError("an object key that is not a string")
        keys = sorted(value, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        return {key: _ordered(value[key], depth - 1) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(item, depth - 1) for item in value]
    raise MalformedError(f"a {type(value).__name__} has no JSON form")


def _check_depth(raw: bytes, max_depth: int) -> None:
    depth = 0
    for token in _TOKEN.finditer(raw):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth > max_depth:
                raise MalformedError(f"a JSON document nested deeper than {max_depth}")
        elif token[0] in (b"]", b"}"):
            depth -= 1


def _object_without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise MalformedError("a JSON object has a key twice")
        result[key] = value
    return result


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedError("a number beyond the range of a double")
    return value


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedError("a number that is not finite")
