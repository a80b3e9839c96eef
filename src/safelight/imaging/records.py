"""Records of numbers from CSV or JSON, such as Wisconsin Diagnostic Breast Cancer's 30 features.

Nothing is guessed: columns that are no features (identifier, label) are named by the caller, and
a column count that is not the model's is refused.

**Security**: messages say rows and columns, never values.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from safelight.errors import RecordError
from safelight.imaging.image import Pixels
from safelight.imaging.limits import MAX_TABLE_BYTES
from safelight.imaging.load import Source

_SHAPE_HINT = "give one row a record, the same features in the same order in each"


@dataclass(frozen=True, repr=False, eq=False)
class Records:
    """Records as numbers.

    Args:
        features: float64, finite, ``[records, F]``.
        names: Of the features, where the file has them.

    **Security**: patient data; ``repr`` shows the shape only.
    """

    features: Pixels
    names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Records({self.features.shape[0]} × {self.features.shape[1]} features)"


def read_records(
    source: Source,
    *,
    feature_count: int,
    ignored_columns: Collection[str | int] = (),
    feature_names: Sequence[str] = (),
) -> Records:
    """The records in a CSV or JSON file, told by content.

    CSV: separated by commas, with or without a header line (a first line without any number).
    JSON: one record ``[…]``, several ``[[…], …]``, or objects ``[{"name": value, …}, …]``.

    Args:
        source: A path, or the bytes of a file.
        feature_count: Features that the model takes.
        ignored_columns: Columns that are no features, by name (needs a header) or by number
            from 0.
        feature_names: In the model's order. Where the file has names too, its columns are put in
            this order, and columns that are not named here are left out.

    Raises:
        RecordError: not such a file, a wrong count, or a value that is not a finite number.
    """
    text = _read_text(source)
    names, rows = _json_rows(text) if text[:1] in ("[", "{") else _csv_rows(text)
    if not rows:
        raise RecordError("the file has no records", hint=_SHAPE_HINT)
    width = len(names) if names else len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width:
            raise RecordError(
                f"record {number} has {len(row)} columns where others have {width}",
                hint=_SHAPE_HINT,
            )
    columns = _feature_columns(names, width, ignored_columns, feature_names)
    if len(columns) != feature_count:
        raise RecordError(
            f"the records have {len(columns)} features where the model takes {feature_count}",
            hint="name the identifier and label columns as ignored, and leave out no feature",
        )
    features = np.empty((len(rows), feature_count))
    for row_index, row in enumerate(rows):
        for index, column in enumerate(columns):
            features[row_index, index] = _number(row[column], row_index, column)
    chosen = tuple(names[column] for column in columns) if names else ()
    return Records(features=features, names=chosen)


def _read_text(source: Source) -> str:
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with Path(source).open("rb") as stream:
                content = stream.read(MAX_TABLE_BYTES + 1)
        except (OSError, ValueError) as exc:
            raise RecordError(
                "the file cannot be opened", hint="check that it exists and may be read"
            ) from exc
    if len(content) > MAX_TABLE_BYTES:
        raise RecordError(
            f"the table is larger than the limit of {MAX_TABLE_BYTES} bytes", hint="split it"
        )
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as exc:
        raise RecordError("the table is not UTF-8 text", hint="give a CSV or JSON file") from exc
    if not text:
        raise RecordError("the table is empty", hint="give a CSV or JSON file")
    return text


def _csv_rows(text: str) -> tuple[tuple[str, ...], list[list[object]]]:
    try:
        table = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except csv.Error as exc:
        raise RecordError("the table is not CSV", hint="give a CSV or JSON file") from exc
    names: tuple[str, ...] = ()
    if table and not any(_is_number(cell) for cell in table[0]):
        names = tuple(cell.strip() for cell in table.pop(0))
    return names, [list(row) for row in table]


def _json_rows(text: str) -> tuple[tuple[str, ...], list[list[object]]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RecordError("the table is not JSON", hint="give a CSV or JSON file") from exc
    if isinstance(value, dict):
        value = [value]
    if value and all(isinstance(row, dict) for row in value):
        names = tuple(value[0])
        if any(set(row) != set(names) for row in value):
            raise RecordError("the records have different names", hint=_SHAPE_HINT)
        return names, [[row[name] for name in names] for row in value]
    if value and not any(isinstance(row, list | dict) for row in value):
        return (), [value]
    if not all(isinstance(row, list) for row in value):
        raise RecordError("the records are of different kinds", hint=_SHAPE_HINT)
    return (), list(value)


def _feature_columns(
    names: tuple[str, ...],
    width: int,
    ignored_columns: Collection[str | int],
    feature_names: Sequence[str],
) -> list[int]:
    if len(set(names)) != len(names):
        raise RecordError("two columns have the same name", hint="name each column once")
    if names and feature_names:
        missing = sum(name not in names for name in feature_names)
        if missing:
            raise RecordError(
                f"{missing} of {len(feature_names)} features are missing",
                hint="the header must have the model's feature names",
            )
        return [names.index(name) for name in feature_names]
    ignored: set[int] = set()
    for column in ignored_columns:
        index = column if isinstance(column, int) else -1
        if isinstance(column, str) and column in names:
            index = names.index(column)
        if not 0 <= index < width:
            raise RecordError(
                f"an ignored column is not among the {width} of the table",
                hint="name columns as the header does, or by number from 0",
            )
        ignored.add(index)
    return [column for column in range(width) if column not in ignored]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _number(cell: object, row: int, column: int) -> float:
    try:
        if isinstance(cell, bool) or not isinstance(cell, str | int | float):
            raise ValueError
        value = float(cell)
    except (ValueError, OverflowError):
        value = float("nan")
    if not np.isfinite(value):
        # the cause would quote the cell
        raise RecordError(
            f"record {row + 1} has no finite number in column {column + 1}",
            hint="complete the record; missing values cannot be encrypted",
        ) from None
    return value
