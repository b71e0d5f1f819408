"""Reads a window's newsletters week by week, by the query of the training."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.example_gen.partition import BUCKETS, eval_buckets, split_of
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.use_case import UseCase
from newsletter_bandit.warehouse.queries import Warehouse, render_training_query
from newsletter_bandit.warehouse.reading import read
from serving.propensity import is_propensity

FloatArray = npt.NDArray[np.float64]
_EVAL = 1  # index of the split that no training reads


@dataclass(frozen=True, eq=False)
class Newsletters:
    """Some newsletters of one week.

    Attributes:
      week: its number, 0 for the oldest.
      rows: the query's rows, n of them.
      action: [n], index of the recommender among the use case's; -1 for another one.
      reward: [n].
      propensity: [n], in (0, 1].
      user: [n], hash of the user.
      held_out: bool [n], the user is in no training split.
      eligible: [K], in how many each recommender was eligible.
    """

    week: int
    rows: pa.RecordBatch
    action: npt.NDArray[np.int64]
    reward: FloatArray
    propensity: FloatArray
    user: npt.NDArray[np.uint64]
    held_out: npt.NDArray[np.bool_]
    eligible: FloatArray


def weeks_of(window: tuple[dt.date, dt.date]) -> list[dt.date]:
    """First day of each week of the window, the oldest first; the last week may be shorter."""
    first, after = window
    return [first + dt.timedelta(days=days) for days in range(0, (after - first).days, 7)]


def newsletters(
    use_case: UseCase, warehouse: Warehouse, window: tuple[dt.date, dt.date]
) -> Iterator[Newsletters]:
    """All newsletters of the window.

    Args:
      use_case: names the table, the reward and the recommenders; old names count as today's.
      warehouse: where the training table is.
      window: first day and day after the last.

    Raises:
      UserError: the table cannot be read.
      DataError: a row has no reward, or a propensity outside (0, 1]; names its user.
    """
    place = {name: index for index, name in enumerate(use_case.recommenders)}
    place |= {old: place[new] for old, new in use_case.renamed.items()}
    held_out = eval_buckets(use_case.eval_share)
    rows_of = f"{use_case.words.unit} of {use_case.words.subject}"
    bounds = (BUCKETS - held_out, BUCKETS)
    for week, start in enumerate(weeks_of(window)):
        end = min(start + dt.timedelta(days=7), window[1])
        for rows in read(warehouse, render_training_query(use_case, warehouse, start, end)):
            users = rows.column(rows.schema.get_field_index("user_id")).to_pylist()
            encoded = [user.encode() for user in users]
            numbers = {name: _numbers(rows, name) for name in ("reward", "propensity")}
            _refuse(rows_of, users, "reward", numbers["reward"], np.isfinite(numbers["reward"]), "a number")
            _refuse(
                rows_of,
                users,
                "propensity",
                numbers["propensity"],
                is_propensity(numbers["propensity"]),
                "(0, 1]",
            )
            logged = rows.column(rows.schema.get_field_index("recommender")).to_pylist()
            yield Newsletters(
                week=week,
                rows=rows,
                action=np.array([place.get(name, -1) for name in logged], dtype=np.int64),
                reward=numbers["reward"],
                propensity=numbers["propensity"],
                user=np.array([zlib.crc32(user) for user in encoded], dtype=np.uint64),
                held_out=np.array([split_of(user, bounds) == _EVAL for user in encoded]),
                eligible=_eligible(rows, place, len(use_case.recommenders)),
            )


def _numbers(rows: pa.RecordBatch, name: str) -> FloatArray:
    column = rows.column(rows.schema.get_field_index(name))
    found: FloatArray = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _refuse(
    rows_of: str,
    users: list[str],
    name: str,
    values: FloatArray,
    allowed: npt.NDArray[np.bool_],
    allowing: str,
) -> None:
    if not allowed.all():
        row = int(np.argmin(allowed))
        raise DataError(f"{rows_of} {users[row]}: {name} is {values[row]:g}; allowed: {allowing}")


def _eligible(rows: pa.RecordBatch, place: Mapping[str, int], size: int) -> FloatArray:
    """Rows in which each recommender was eligible, [size]; an empty list stands for all."""
    lists = rows.column(rows.schema.get_field_index("eligible_recommenders"))
    lengths = np.nan_to_num(pc.list_value_length(lists).to_numpy(zero_copy_only=False))
    row = pc.list_parent_indices(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    named = pc.dictionary_encode(pc.list_flatten(lists))
    index = np.array([place.get(name, -1) for name in named.dictionary.to_pylist()], dtype=np.int64)
    found = index[named.indices.to_numpy(zero_copy_only=False).astype(np.int64)]
    # A list may hold an old name and today's; it counts once.
    pairs = np.unique(row[found >= 0] * size + found[found >= 0])
    counts = np.bincount(pairs % size, minlength=size) + np.count_nonzero(lengths == 0)
    return counts.astype(np.float64)
