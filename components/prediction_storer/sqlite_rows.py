"""Checked rows as rows of the SQLite file, a batch at once; byte-identical to `stores.sqlite.to_row`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from components.prediction_storer.checking import CHECKED, Checker
from newsletter_bandit.exported_model import EXPIRES_AFTER_DAYS, RECOMMENDERS, STAMPED
from serving.fields import Field
from serving.ranking import FIELDS
from serving.stores.sqlite import StoredRow, to_stored, with_checksum

# Python and orjson write the same shortest digits that read back as the same number. Below and above these
# sizes Python writes an exponent, but orjson writes another one, or none.
_SMALLEST, _LARGEST = 1e-4, 1e16


def stored_rows(checked: pa.RecordBatch, checker: Checker) -> Iterator[StoredRow]:
    """Rows of `checking.CHECKED` -> the rows that `to_row` makes of their rankings."""
    columns = {field.name: checked.column(i) for i, field in enumerate(CHECKED)}
    names = pa.array([json.dumps(name, ensure_ascii=False) for name in checker.recommenders], pa.string())
    days = _values(columns[EXPIRES_AFTER_DAYS])
    stamped = {count: checker.stamp.fields(count) for count in set(days)}

    def stored(field: Field) -> list[Any]:
        if field.name in STAMPED:
            texts = {count: to_stored(field.type, fields[field.name]) for count, fields in stamped.items()}
            return [texts[count] for count in days]
        values = columns[field.name]
        if field.name == RECOMMENDERS:
            return _name_lists(values, names)
        if field.type == "ARRAY<FLOAT64>":
            return number_lists(values)
        return _values(values.cast(pa.int8()) if field.type == "BOOL" else values)

    return map(with_checksum, zip(*map(stored, FIELDS), strict=True))


def number_lists(lists: pa.ListArray) -> list[str]:
    """``json.dumps`` of each list of one or more finite numbers, float64; nearly all of them in one go."""
    offsets = lists.offsets.to_numpy()
    numbers = np.ascontiguousarray(lists.values.to_numpy()[offsets[0] : offsets[-1]])
    written = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY).replace(b",", b", ")
    commas = np.flatnonzero(np.frombuffer(written, np.uint8) == ord(","))
    first = np.concatenate([[1], commas + 2])  # where each number begins
    last = np.concatenate([commas, [len(written) - 1]])  # and ends
    text = written.decode("ascii")
    places = offsets - offsets[0]
    lines = [
        f"[{text[begin:end]}]"
        for begin, end in zip(first[places[:-1]].tolist(), last[places[1:] - 1].tolist(), strict=True)
    ]
    size = np.abs(numbers)
    with_exponent = np.flatnonzero(((size < _SMALLEST) & (size > 0.0)) | (size >= _LARGEST))
    for row in np.unique(np.searchsorted(places, with_exponent, side="right") - 1).tolist():
        lines[row] = json.dumps(numbers[places[row] : places[row + 1]].tolist())
    return lines


def _name_lists(lists: pa.ListArray, names: pa.Array) -> list[str]:
    """JSON of each list of positions in ``names``, which are JSON already."""
    named = pa.ListArray.from_arrays(lists.offsets, names.take(lists.values))
    return _values(pc.binary_join_element_wise("[", pc.binary_join(named, ", "), "]", ""))


def _values(column: pa.Array) -> list[Any]:
    # Many times as fast as pyarrow's own `to_pylist`.
    values: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return values
