"""Checks a batch of predictions at once; rows that look unusual go to `post_process`, which finds the reason.

predictions -> [columns, vectorised] -> ordinary rows ----------------> checked batch
                                     \\-> others -> post_process, each -> checked batch, or a `Rejection`
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.prediction_storer.post_process import (
    ANY_SCORE,
    MAX_DAYS,
    Rejection,
    Stamp,
    post_process,
)
from newsletter_bandit.exported_model import (
    EXPIRES_AFTER_DAYS,
    PREDICTED,
    PROPENSITIES,
    RECOMMENDERS,
    SCORES,
)
from serving.fields import ColumnType
from serving.propensity import is_propensity
from serving.ranking import MAX_USER_ID_BYTES, Ranking

_TYPE: dict[ColumnType, pa.DataType] = {
    "STRING": pa.string(),
    "BOOL": pa.bool_(),
    "ARRAY<FLOAT64>": pa.list_(pa.float64()),
}
# A checked row: what of a ranking is not the same for all. Recommenders are positions in the use case's list.
CHECKED = pa.schema(
    [
        *(
            (field.name, pa.list_(pa.int16()) if field.name == RECOMMENDERS else _TYPE[field.type])
            for field in PREDICTED
        ),
        (EXPIRES_AFTER_DAYS, pa.int32()),
    ]
)
_TEXTS = tuple(field.name for field in PREDICTED if field.type == "STRING")
_FLAGS = tuple(field.name for field in PREDICTED if field.type == "BOOL")
_NUMBERS = tuple(field.name for field in PREDICTED if field.type == "ARRAY<FLOAT64>")
Mask = npt.NDArray[np.bool_]


class Checker:
    """Checks rows, and turns them into rankings once they may be stored.

    Args:
      recommenders: names that may be stored.
      stamp: version and times of the run.
      score_bounds: smallest and largest score that may be stored.
    """

    def __init__(
        self,
        recommenders: Sequence[str],
        stamp: Stamp,
        score_bounds: tuple[float, float] = ANY_SCORE,
    ) -> None:
        self.recommenders = tuple(recommenders)
        self.stamp = stamp
        self._score_bounds = score_bounds
        self._position = {name: position for position, name in enumerate(recommenders)}
        self._names = pa.array([name.encode() for name in recommenders], pa.binary())

    def check(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Rejection]]:
        """Rows of `components.bulk_inferrer.schema` -> rows of `CHECKED`, and the refused ones."""
        ordinary, checked = self._ordinary(rows)
        if ordinary.all():
            return checked, []
        rejections: list[Rejection] = []
        rankings: list[Ranking] = []
        for row in rows.filter(pa.array(~ordinary)).to_pylist():
            found = post_process(_as_row(row), self.recommenders, self.stamp, self._score_bounds)
            if isinstance(found, Rejection):
                rejections.append(found)
            else:
                rankings.append(found)
        parts = pa.Table.from_batches([checked, self._checked(rankings)]).combine_chunks().to_batches()
        return (parts[0] if parts else checked), rejections

    def rankings(self, checked: pa.RecordBatch) -> Iterator[Ranking]:
        """The rankings of checked rows."""
        columns = {field.name: checked.column(i).to_pylist() for i, field in enumerate(CHECKED)}
        expires_after = columns.pop(EXPIRES_AFTER_DAYS)
        stamped = {days: self.stamp.fields(days) for days in set(expires_after)}
        names = self.recommenders
        columns[RECOMMENDERS] = [[names[position] for position in order] for order in columns[RECOMMENDERS]]
        for name in (RECOMMENDERS, *_NUMBERS):
            columns[name] = map(tuple, columns[name])
        for days, *values in zip(expires_after, *columns.values(), strict=True):
            yield Ranking(**dict(zip(columns, values, strict=True)), **stamped[days])

    def first_expiry(self, checked: pa.RecordBatch) -> str:
        """When the first of at least one checked row expires, ISO 8601."""
        days = pc.min(checked.column(CHECKED.get_field_index(EXPIRES_AFTER_DAYS))).as_py()
        expires_at: str = self.stamp.fields(days)["expires_at"].isoformat()
        return expires_at

    def _ordinary(self, rows: pa.RecordBatch) -> tuple[Mask, pa.RecordBatch]:
        """Mask of the rows [n] that surely keep every rule, and those rows, checked."""
        good = np.ones(len(rows), dtype=np.bool_)
        for column in rows.columns:
            good &= _true(pc.is_valid(column))
        column = {field.name: rows.column(i) for i, field in enumerate(rows.schema)}
        for name in _TEXTS:
            good &= _true(pc.greater(pc.binary_length(column[name]), 0))
        good &= _true(pc.less_equal(pc.binary_length(column["user_id"]), MAX_USER_ID_BYTES))
        # Datastore keeps names __like_this__ for itself.
        good &= ~_true(pc.starts_with(column["user_id"], pattern=b"__"))
        for name in _FLAGS:
            good &= _true(pc.is_in(column[name], value_set=pa.array([0, 1], pa.int64())))
        days = column[EXPIRES_AFTER_DAYS]
        good &= _true(pc.and_(pc.greater_equal(days, 1), pc.less_equal(days, MAX_DAYS)))
        lengths = pc.list_value_length(column[RECOMMENDERS])
        for name in _NUMBERS:
            good &= _true(pc.equal(lengths, pc.list_value_length(column[name])))

        kept = {name: values.filter(pa.array(good)) for name, values in column.items()}
        slots, keeps = self._slots(kept)
        try:
            texts = {name: kept[name].cast(pa.string()).filter(pa.array(keeps)) for name in _TEXTS}
        except pa.ArrowInvalid:
            # Some text is not UTF-8; checking row by row finds out which.
            return np.zeros(len(rows), dtype=np.bool_), self._checked([])
        good[good] = keeps
        plain = {
            name: kept[name].filter(pa.array(keeps)).cast(CHECKED.field(name).type)
            for name in (*_FLAGS, EXPIRES_AFTER_DAYS)
        }
        arrays = {**texts, **slots, **plain}
        return good, pa.record_batch([arrays[name] for name in CHECKED.names], schema=CHECKED)

    def _slots(self, columns: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], Mask]:
        """Lists of equal lengths -> those of the rows in order, without padding, and a mask of these rows."""
        names = columns[RECOMMENDERS]
        row = pc.list_parent_indices(names).to_numpy(zero_copy_only=False)
        name = pc.list_flatten(names)
        # Position of the recommender, -1 for padding, -2 for an unknown or missing name.
        code = pc.index_in(name, value_set=self._names).fill_null(-2).to_numpy(zero_copy_only=False)
        code = np.where(_true(pc.equal(name, b"")), -1, code)
        filled = code != -1
        good_slot = code >= 0
        numbers = {}
        for each in _NUMBERS:
            number = pc.list_flatten(columns[each]).cast(pa.float64()).to_numpy(zero_copy_only=False)
            good_slot &= is_propensity(number) if each == PROPENSITIES else np.isfinite(number)
            if each == SCORES:
                low, high = self._score_bounds
                good_slot &= (low <= number) & (number <= high)
            numbers[each] = number

        size = len(self.recommenders)
        times = np.bincount(row[code >= 0] * size + code[code >= 0], minlength=len(names) * size)
        count = np.bincount(row[filled], minlength=len(names))
        keeps: Mask = (
            (count > 0)
            & (times.reshape(len(names), size) <= 1).all(axis=1)
            & (np.bincount(row[filled & ~good_slot], minlength=len(names)) == 0)
        )
        use = filled & keeps[row]
        offsets = pa.array(np.concatenate([[0], np.cumsum(count[keeps])]).astype(np.int32))
        figures = {RECOMMENDERS: code.astype(np.int16), **numbers}
        lists = {
            each: pa.ListArray.from_arrays(offsets, pa.array(values[use])) for each, values in figures.items()
        }
        return lists, keeps

    def _checked(self, rankings: Sequence[Ranking]) -> pa.RecordBatch:
        columns: dict[str, list[Any]] = {
            field.name: [getattr(ranking, field.name) for ranking in rankings] for field in PREDICTED
        }
        columns[RECOMMENDERS] = [[self._position[name] for name in names] for names in columns[RECOMMENDERS]]
        columns[EXPIRES_AFTER_DAYS] = [
            (ranking.expires_at - self.stamp.generated_at).days for ranking in rankings
        ]
        arrays = [pa.array(columns[field.name], field.type) for field in CHECKED]
        return pa.record_batch(arrays, schema=CHECKED)


def _true(values: pa.Array) -> Mask:
    """Mask of a boolean array's true values; NULL counts as false."""
    found: Mask = values.fill_null(False).to_numpy(zero_copy_only=False)
    return found


def _as_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of plain values, each a list as `post_process` needs it; missing values are left out or NaN."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, list):
            number = name in _NUMBERS
            found[name] = [math.nan if number and item is None else item for item in value]
        elif value is not None:
            found[name] = [value]
    return found
