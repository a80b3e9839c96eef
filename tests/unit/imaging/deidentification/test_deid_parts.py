"""Dates, descriptions, comments in codestreams: each by itself."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import DeidentificationError
from safelight.imaging.deidentification.codestream_comments import without_comments
from safelight.imaging.deidentification.dates import shift_date
from safelight.imaging.deidentification.descriptor_words import cleaned
from safelight.imaging.deidentification.identifier_key import IdentifierKey


@pytest.mark.parametrize(
    ("value", "days", "moved"),
    [
        ("20200301", 1, "20200229"),
        ("2020.03.01", 1, "20200229"),
        ("20200101120000.000+0200", 31, "20191201120000.000+0200"),
        ("20200101", 366 * 1100, None),
        ("2020", 1, None),
        ("20201301", 1, None),
        ("20200101x", 1, None),
        ("20200101-20200201", 1, None),
    ],
)
def test_shift(value: str, days: int, moved: str | None) -> None:
    assert shift_date(value, days) == moved


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("CT CHEST, ABDOMEN & PELVIS", "CT CHEST ABDOMEN PELVIS"),
        ("MR T1-weighted 3mm sag Meier", "T1 weighted 3mm"),
        ("Meier, Hans *12.03.1950", ""),
        ("ID 4711-22-8", ""),
        ("t2_tse_tra_p2", "t2 tse"),
        ("120kV 5.0mm", "120kV 5.0mm"),
        ("", ""),
    ],
)
def test_descriptions_lose_what_is_not_known(text: str, left: str) -> None:
    kept = cleaned(text)
    assert kept in (left, f"MR {left}")


@given(st.text(max_size=60))
def test_cleaning_adds_nothing_and_is_stable(text: str) -> None:
    kept = cleaned(text)
    assert cleaned(kept) == kept
    assert all(word in text for word in kept.split())


def segment(marker: int, body: bytes) -> bytes:
    """A marker segment of JPEG or JPEG 2000."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def test_comments_in_jpeg() -> None:
    scan = segment(0xDA, bytes(6)) + b"scan \xff\x00 data" + b"\xff\xd9"
    tables = segment(0xDB, bytes(65)) + segment(0xC0, bytes(9))
    needed = segment(0xE0, b"JFIF\0") + segment(0xEE, b"Adobe")
    given_ = b"\xff\xd8" + needed + segment(0xE1, b"Exif Hans") + segment(0xFE, b"Hans") + tables
    assert without_comments(given_ + scan) == b"\xff\xd8" + needed + tables + scan
    clean = b"\xff\xd8" + tables + scan
    assert without_comments(clean) is clean
    damaged = b"\xff\xd8" + segment(0xFE, b"x") + b"no marker here"
    assert without_comments(damaged) is damaged


def test_comments_in_jpeg_2000() -> None:
    size, tile = segment(0x51, bytes(39)), segment(0x90, bytes(8)) + b"data"
    given_ = b"\xff\x4f" + size + segment(0x64, b"\0\1Hans") + tile
    assert without_comments(given_) == b"\xff\x4f" + size + tile
    assert without_comments(b"RIFF") == b"RIFF"


def test_identifier_keys() -> None:
    with pytest.raises(DeidentificationError):
        IdentifierKey(b"short")
    first, second = IdentifierKey(bytes(32)), IdentifierKey(bytes(31) + b"\1")
    assert first.pseudonym("a") != second.pseudonym("a")
    assert first.pseudonym("a") == IdentifierKey(bytes(32)).pseudonym("a")
    assert first.uid("a").split(".")[:2] == ["2", "25"]
    shifts = {first.shift_days(str(number)) for number in range(500)}
    assert min(shifts) >= 1
    assert max(shifts) <= 1825
    assert len(shifts) > 400
    assert "00" not in repr(first)
