"""The sample of rows that models are fitted on: its size is bounded, and it depends only on the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.logged_table import hashing
from newsletter_bandit.off_policy.logged_table.reading import LoggedTable, Rows

_PRIORITY, _FOLD = 1, 2

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """At most ``limit`` rows, those whose users have the smallest hashes, in reading order.

    Attributes:
      rows: rows of the whole table.
      labels: context column -> [m] text, null where empty.
      action: [m] text.
      reward: float64 [m].
      fold: int64 [m], fold of the row's user, from 0.
      actions: every action of the whole table in alphabetical order, the evaluation policy's included.
    """

    rows: int
    labels: dict[str, pa.Array]
    action: npt.NDArray[np.object_]
    reward: FloatArray
    fold: npt.NDArray[np.int64]
    actions: tuple[str, ...]


def folds(rows: Rows, count: int) -> npt.NDArray[np.int64]:
    """Fold of each row, int64 [n] in [0, count); all rows of a user are in one fold."""
    hashes = hashing.mixed(hashing.users(rows), _FOLD)
    return (hashes % np.uint64(count)).astype(np.int64)


def draw(
    table: LoggedTable, columns: tuple[str, ...], fold_count: int, limit: int, batch_rows: int
) -> Sample:
    """Reads the table once and keeps the sample; raises DataError as `LoggedTable.batches` does.

    Args:
      table: what to read.
      columns: labels to keep.
      fold_count: folds of the cross-fit.
      limit: most rows.
      batch_rows: rows read at a time; the sample does not depend on it.
    """
    kept: pa.Table | None = None
    actions: set[str] = set(table.actions)
    total = 0
    for rows in table.batches(batch_rows):
        total += len(rows)
        for role in ("action", "evaluation_action"):
            if role in rows.texts:
                actions.update(rows.texts[role].unique().to_pylist())
        part = _part(rows, columns, fold_count)
        kept = part if kept is None else pa.concat_tables([kept, part])
        if kept.num_rows > 2 * limit:
            kept = _smallest(kept, limit)
    if kept is None:
        kept = pa.table(
            {"priority": [], "row": [], "fold": [], "reward": [], "action": []} | {c: [] for c in columns}
        )
    kept = _smallest(kept, limit)
    return Sample(
        rows=total,
        labels={column: kept[f"label {column}"].combine_chunks() for column in columns} if total else {},
        action=kept["action"].to_numpy(),
        reward=kept["reward"].to_numpy(),
        fold=kept["fold"].to_numpy(),
        actions=tuple(sorted(actions)),
    )


def _part(rows: Rows, columns: tuple[str, ...], fold_count: int) -> pa.Table:
    return pa.table(
        {
            "priority": hashing.mixed(hashing.users(rows), _PRIORITY),
            "row": np.arange(rows.first_row, rows.first_row + len(rows)),
            "fold": folds(rows, fold_count),
            "reward": rows.numbers["reward"],
            "action": rows.texts["action"],
        }
        | {f"label {column}": rows.labels[column] for column in columns}
    )


def _smallest(table: pa.Table, limit: int) -> pa.Table:
    # The row's number orders the rows of one user, so the cut is at the same row however the table was read.
    order = np.lexsort((table["row"].to_numpy(), table["priority"].to_numpy()))[:limit]
    return table.take(np.sort(order)).combine_chunks()
