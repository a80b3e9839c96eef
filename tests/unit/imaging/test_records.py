"""Records from CSV and JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest

from bad_inputs import BAD_TABLES
from safelight.errors import RecordError
from safelight.imaging import read_records

NAMES = ("radius", "texture", "area")
VALUES = [[1.5, 2.0, 3.0], [4.0, 5e-1, 6.0]]
PLAIN = b"1.5,2,3\n4,5e-1,6\n"


def test_plain_csv_and_json() -> None:
    for content in (PLAIN, json.dumps(VALUES).encode(), b"\xef\xbb\xbf" + PLAIN):
        records = read_records(content, feature_count=3)
        assert records.features.dtype == np.float64
        assert records.features.tolist() == VALUES
        assert records.names == ()
    assert repr(records) == "Records(2 × 3 features)"
    assert read_records(b"[1.5, 2, 3]", feature_count=3).features.tolist() == VALUES[:1]


def test_identifier_and_label_are_named() -> None:
    table = b"8001,M,1.5,2,3\n8002,B,4,0.5,6\n"
    records = read_records(table, feature_count=3, ignored_columns=(0, 1))
    assert records.features.tolist() == VALUES
    with pytest.raises(RecordError, match="5 features where the model takes 3"):
        read_records(table, feature_count=3)
    with_header = b"id,diagnosis,radius,texture,area\n" + table
    records = read_records(with_header, feature_count=3, ignored_columns=("id", "diagnosis"))
    assert records.names == NAMES
    assert records.features.tolist() == VALUES


def test_columns_are_put_in_the_models_order() -> None:
    table = b"area,id,texture,radius\n3,8001,2,1.5\n6,8002,0.5,4\n"
    objects = [dict(zip(NAMES, row, strict=True)) for row in VALUES]
    for content in (table, json.dumps(objects).encode(), json.dumps(objects[::-1]).encode()):
        records = read_records(content, feature_count=3, feature_names=NAMES)
        assert records.names == NAMES
        assert sorted(records.features.tolist()) == VALUES
    with pytest.raises(RecordError, match="1 of 3 features are missing"):
        read_records(table, feature_count=3, feature_names=("radius", "texture", "symmetry"))


@pytest.mark.parametrize(("content", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_refusals(content: bytes, message: str) -> None:
    with pytest.raises(RecordError, match=message) as caught:
        read_records(content, feature_count=3)
    assert caught.value.hint
    assert "secret" not in caught.value.message
    assert caught.value.__suppress_context__ or "secret" not in str(caught.value.__context__)


@pytest.mark.parametrize("column", ["id", 3, -1])
def test_ignored_columns_must_be_there(column: str | int) -> None:
    with pytest.raises(RecordError, match="ignored column"):
        read_records(PLAIN, feature_count=3, ignored_columns=(column,))
