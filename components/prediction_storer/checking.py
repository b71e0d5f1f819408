"""Checks a batch of predictions at once; rows that look unusual go to `post_process`, which finds the reason.

predictions -> [columns, vectorised] -> ordinary rows ----------------> checked batch
                                     \\-> others -> post_process, each -> checked batch, or a `Rejection`
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.prediction_storer.post_process import MAX_DAYS, Rejection, Stamp, post_process
from serving.ranking import MAX_USER_ID_BYTES, Ranking

# A checked row: the parts of a ranking that differ between users. Recommenders are positions in the use
# case's list.
CHECKED = pa.schema(
    [
        ("user_id", pa.string()),
        ("campaign", pa.string()),
        ("recommenders", pa.list_(pa.int16())),
        ("scores", pa.list_(pa.float64())),
        ("propensities", pa.list_(pa.float64())),
        ("explored", pa.bool_()),
        ("expires_after_days", pa.int32()),
    ]
)
_LISTS = ("recommenders", "scores", "propensities")
Mask = npt.NDArray[np.bool_]


class Checker:
    """Checks rows, and turns them into rankings once they may be stored.

    Args:
      recommenders: names that may be stored.
      stamp: version and times of the run.
    """

    def __init__(self, recommenders: Sequence[str], stamp: Stamp) -> None:
        self.recommenders = tuple(recommenders)
        self.stamp = stamp
        self._position = {name: position for position, name in enumerate(recommenders)}
        self._names = pa.array([name.encode() for name in recommenders], pa.binary())

    def check(self, rows: pa.RecordBatch) -> tuple[pa.RecordBatch, list[Rejection]]:
        """Rows of `components.bulk_inferrer.schema` -> rows of `CHECKED`, and those that may not be stored."""
        ordinary, checked = self._ordinary(rows)
        if ordinary.all():
            return checked, []
        rejections: list[Rejection] = []
        rankings: list[Ranking] = []
        for row in rows.filter(pa.array(~ordinary)).to_pylist():
            found = post_process(_as_row(row), self.recommenders, self.stamp)
            if isinstance(found, Rejection):
                rejections.append(found)
            else:
                rankings.append(found)
        parts = pa.Table.from_batches([checked, self._checked(rankings)]).combine_chunks().to_batches()
        return (parts[0] if parts else checked), rejections

    def rankings(self, checked: pa.RecordBatch) -> Iterator[Ranking]:
        """The rankings of checked rows."""
        names, stamp = self.recommenders, self.stamp
        expiry: dict[int, dt.datetime] = {}
        for user, campaign, order, scores, propensities, explored, days in zip(
            *(column.to_pylist() for column in checked.columns), strict=True
        ):
            if days not in expiry:
                expiry[days] = stamp.generated_at + dt.timedelta(days=days)
            yield Ranking(
                user_id=user,
                recommenders=tuple([names[position] for position in order]),
                scores=tuple(scores),
                propensities=tuple(propensities),
                explored=explored,
                campaign=campaign,
                model_version=stamp.model_version,
                generated_at=stamp.generated_at,
                expires_at=expiry[days],
            )

    def first_expiry(self, checked: pa.RecordBatch) -> str:
        """Earliest expiry of at least one checked row, ISO 8601."""
        days = pc.min(checked.column(CHECKED.get_field_index("expires_after_days"))).as_py()
        return (self.stamp.generated_at + dt.timedelta(days=days)).isoformat()

    def _ordinary(self, rows: pa.RecordBatch) -> tuple[Mask, pa.RecordBatch]:
        """Mask of the rows [n] that surely keep every rule, and those rows, checked."""
        good = np.ones(len(rows), dtype=np.bool_)
        for column in rows.columns:
            good &= _true(pc.is_valid(column))
        column = {field.name: rows.column(i) for i, field in enumerate(rows.schema)}
        length = pc.binary_length(column["user_id"])
        good &= _true(pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_USER_ID_BYTES)))
        # Datastore keeps names __like_this__ for itself.
        good &= ~_true(pc.starts_with(column["user_id"], pattern=b"__"))
        good &= _true(pc.greater(pc.binary_length(column["campaign"]), 0))
        good &= _true(pc.is_in(column["explored"], value_set=pa.array([0, 1], pa.int64())))
        days = column["expires_after_days"]
        good &= _true(pc.and_(pc.greater_equal(days, 1), pc.less_equal(days, MAX_DAYS)))
        lengths = [pc.list_value_length(column[name]) for name in _LISTS]
        good &= _true(pc.equal(lengths[0], lengths[1])) & _true(pc.equal(lengths[0], lengths[2]))

        kept = {name: values.filter(pa.array(good)) for name, values in column.items()}
        slots, keeps = self._slots(*(kept[name] for name in _LISTS))
        try:
            texts = [kept[name].cast(pa.string()).filter(pa.array(keeps)) for name in ("user_id", "campaign")]
        except pa.ArrowInvalid:
            # Some text is not UTF-8; checking row by row finds out which.
            return np.zeros(len(rows), dtype=np.bool_), self._checked([])
        good[good] = keeps
        arrays = [
            *texts,
            *slots,
            kept["explored"].filter(pa.array(keeps)).cast(pa.bool_()),
            kept["expires_after_days"].filter(pa.array(keeps)).cast(pa.int32()),
        ]
        return good, pa.record_batch(arrays, schema=CHECKED)

    def _slots(
        self, names: pa.Array, scores: pa.Array, propensities: pa.Array
    ) -> tuple[list[pa.Array], Mask]:
        """Lists of equal lengths -> the lists of the good rows, without padding, and a mask of these rows."""
        row = pc.list_parent_indices(names).to_numpy(zero_copy_only=False)
        name, score, propensity = (pc.list_flatten(values) for values in (names, scores, propensities))
        # Position of the recommender, -1 for padding, -2 for an unknown or missing name.
        code = pc.index_in(name, value_set=self._names).fill_null(-2).to_numpy(zero_copy_only=False)
        code = np.where(_true(pc.equal(name, b"")), -1, code)
        filled = code != -1
        score = score.cast(pa.float64()).to_numpy(zero_copy_only=False)
        propensity = propensity.cast(pa.float64()).to_numpy(zero_copy_only=False)

        size = len(self.recommenders)
        times = np.bincount(row[code >= 0] * size + code[code >= 0], minlength=len(names) * size)
        bad_slot = filled & ~((code >= 0) & np.isfinite(score) & (propensity > 0.0) & (propensity <= 1.0))
        count = np.bincount(row[filled], minlength=len(names))
        keeps: Mask = (
            (count > 0)
            & (times.reshape(len(names), size) <= 1).all(axis=1)
            & (np.bincount(row[bad_slot], minlength=len(names)) == 0)
        )
        use = filled & keeps[row]
        offsets = pa.array(np.concatenate([[0], np.cumsum(count[keeps])]).astype(np.int32))
        figures = (code[use].astype(np.int16), score[use], propensity[use])
        return [pa.ListArray.from_arrays(offsets, pa.array(values)) for values in figures], keeps

    def _checked(self, rankings: Sequence[Ranking]) -> pa.RecordBatch:
        generated_at = self.stamp.generated_at
        columns: list[list[Any]] = [
            [ranking.user_id for ranking in rankings],
            [ranking.campaign for ranking in rankings],
            [[self._position[name] for name in ranking.recommenders] for ranking in rankings],
            [ranking.scores for ranking in rankings],
            [ranking.propensities for ranking in rankings],
            [ranking.explored for ranking in rankings],
            [(ranking.expires_at - generated_at).days for ranking in rankings],
        ]
        arrays = [pa.array(values, field.type) for values, field in zip(columns, CHECKED, strict=True)]
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
            number = name in ("scores", "propensities")
            found[name] = [math.nan if number and item is None else item for item in value]
        elif value is not None:
            found[name] = [value]
    return found
