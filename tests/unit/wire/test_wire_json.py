"""Canonical JSON, its strict parser, and signatures on top of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from safelight.errors import MalformedError
from safelight.wire.canonical_json import MAX_DEPTH
from safelight.wire.json_object import JsonObject
from safelight.wire.signature import canonical_json, decode_signature, parse_json


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ({"b": 1, "a": [True, None, 1.0]}, b'{"a":[true,null,1.0],"b":1}'),
        ((1, 2), b"[1,2]"),
        (1e-7, b"1e-07"),
        (2.0**60, b"1.152921504606847e+18"),
        ('"\\\n\x01é/', '"\\"\\\\\\n\\u0001é/"'.encode()),
        # RFC 8785, 3.2.3: by UTF-16 units, so the surrogate pair of U+1F600 comes before U+FB33
        ({"\ufb33": 1, "\U0001f600": 2, "€": 3}, '{"€":3,"\U0001f600":2,"\ufb33":1}'.encode()),
    ],
)
def test_one_form(value: Any, form: bytes) -> None:
    assert canonical_json(value) == form
    assert canonical_json(parse_json(form, 100, canonical=True)) == form


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, b"x", {"a": object()}, "\ud800", {1, 2}]
)
def test_values_without_a_form(value: Any) -> None:
    with pytest.raises(MalformedError):
        canonical_json(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nul",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b"[1,]",
        b"[] []",
        b"'a'",
        b'{"a":1,"a":1}',
        b'{"x":{"a":1,"\\u0061":2}}',
        b'"\\ud800"',
        b'{"\\udfff":1}',
        b'"\xff"',
        b'"\n"',
        b"\xef\xbb\xbf[]",
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
        b"1" * 5000,
        b'"' + b"a" * 9999,
    ],
)
def test_parser_refuses(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_json(text, 10_000)


def test_limit_and_depth() -> None:
    assert parse_json(b"[1]", 3) == [1]
    with pytest.raises(MalformedError):
        parse_json(b"[1]", 2)
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, 100)
    assert parse_json(b'"' + b"[" * 90 + b'"', 100) == "[" * 90
    assert parse_json(b'"\\"[[[[[["', 100, max_depth=2) == '"[[[[[['
    with pytest.raises(MalformedError):
        canonical_json(json.loads("[" * 100 + "]" * 100))


@pytest.mark.parametrize("text", [b'{"b":1,"a":2}', b"[1, 2]", b"1.00", b'"\\u0061"', b"1E5"])
def test_canonical_is_asked_for_by_name(text: bytes) -> None:
    parse_json(text, 100)
    with pytest.raises(MalformedError):
        parse_json(text, 100, canonical=True)


def test_depth_scan_is_linear() -> None:
    """A megabyte of escaped quotes, unclosed: quadratic would take hours."""
    started = time.process_time()
    with pytest.raises(MalformedError):
        parse_json(b'"' + b'\\"' * 500_000, 2_000_000)
    with pytest.raises(MalformedError):
        parse_json(b'"' + b'\\"' * 500_000 + b"\\", 2_000_000)
    assert time.process_time() - started < 30


@pytest.mark.parametrize("text", [b"[]", b"{}", b"1", b'{"model":1}', b'{"parameters":{"n":1}}'])
def test_not_a_signature(text: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_signature(text)


def test_object_reader_takes_exact_types() -> None:
    value = {"i": 1, "f": 1.5, "t": "x", "l": [1], "b": True}
    fields = JsonObject(value, "it")
    for wrong in (
        lambda: fields.integer("b", 0, 9),
        lambda: JsonObject(value, "it").integer("i", 2, 9),
        lambda: JsonObject(value, "it").integer("f", 0, 9),
        lambda: JsonObject(value, "it").positive_real("i"),
        lambda: JsonObject(value, "it").text("t", 0),
        lambda: JsonObject(value, "it").items("t", 5),
        lambda: JsonObject(value, "it").items("l", 0),
        lambda: JsonObject(value, "it").take("missing"),
        lambda: JsonObject([], "it"),
        lambda: JsonObject(value, "it").close(),
    ):
        with pytest.raises(MalformedError):
            wrong()
    whole = JsonObject(value, "it")
    assert (whole.integer("i", 1, 1), whole.positive_real("f"), whole.text("t", 1)) == (1, 1.5, "x")
    assert (whole.items("l", 1), whole.take("b")) == ([1], True)
    whole.close()
