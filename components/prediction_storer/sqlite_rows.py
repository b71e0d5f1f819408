"""Checked rows as rows of the SQLite file, a batch at once: the very text that `serving.stores.sqlite.to_row` writes."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from itertools import repeat

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from components.prediction_storer.checking import CHECKED, Checker
from serving.ranking import format_timestamp
from serving.stores.sqlite import StoredRow

# Both write the shortest digits that read back as the same number, but not the same exponents: where Python has 2.5e-05
# and 1e+16, orjson has 0.000025 and 1e16.
_EXPONENT = re.compile(rb"(?<!\d)0\.0000([1-9])(\d*)|e(-?)(\d+)")


def stored_rows(checked: pa.RecordBatch, checker: Checker) -> Iterator[StoredRow]:
    """Rows of `components.prediction_storer.checking.CHECKED` -> what `to_row` makes of their rankings."""
    columns = {field.name: checked.column(i) for i, field in enumerate(CHECKED)}
    stamp = checker.stamp
    days = columns["expires_after_days"].to_numpy(zero_copy_only=False).tolist()
    expiry = {count: format_timestamp(stamp.generated_at + dt.timedelta(days=count)) for count in set(days)}
    names = pa.array([json.dumps(name, ensure_ascii=False) for name in checker.recommenders], pa.string())
    return zip(
        _values(columns["user_id"]),
        _name_lists(columns["recommenders"], names),
        number_lists(columns["scores"]),
        number_lists(columns["propensities"]),
        _values(columns["explored"].cast(pa.int8())),
        _values(columns["campaign"]),
        repeat(stamp.model_version),
        repeat(format_timestamp(stamp.generated_at)),
        [expiry[count] for count in days],
    )


def number_lists(lists: pa.ListArray) -> list[str]:
    """``json.dumps`` of each list of one or more finite numbers, float64."""
    offsets = lists.offsets.to_numpy()
    numbers = np.ascontiguousarray(lists.values.to_numpy()[offsets[0] : offsets[-1]])
    written = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)
    written = _EXPONENT.sub(_as_python, written).replace(b",", b", ")
    commas = np.flatnonzero(np.frombuffer(written, np.uint8) == ord(","))
    first = np.concatenate([[1], commas + 2])  # where each number begins
    last = np.concatenate([commas, [len(written) - 1]])  # and ends
    text = written.decode("ascii")
    places = offsets - offsets[0]
    return [
        f"[{text[begin:end]}]"
        for begin, end in zip(first[places[:-1]].tolist(), last[places[1:] - 1].tolist(), strict=True)
    ]


def _as_python(found: re.Match[bytes]) -> bytes:
    digit, digits, sign, exponent = found.groups()
    if exponent is not None:
        return b"e" + (sign or b"+") + exponent.zfill(2)
    return digit + (b"." + digits if digits else b"") + b"e-05"


def _name_lists(lists: pa.ListArray, names: pa.Array) -> list[str]:
    """JSON of each list of positions in ``names``, which are JSON already."""
    named = pa.ListArray.from_arrays(lists.offsets, names.take(lists.values))
    return _values(pc.binary_join_element_wise("[", pc.binary_join(named, ", "), "]", ""))


def _values(column: pa.Array) -> list[object]:
    # Many times as fast as pyarrow's own `to_pylist`.
    values: list[object] = column.to_numpy(zero_copy_only=False).tolist()
    return values
