"""Rows of rankings, sorted by ranking and position, as arrays with one row per ranking."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from newsletter_bandit.off_policy.estimators.rankings import RankingBatch
from newsletter_bandit.off_policy.logged_table import hashing
from newsletter_bandit.off_policy.logged_table.arrays import coded
from newsletter_bandit.off_policy.logged_table.reading import Rows

_PADDING = {"reward": 0.0, "propensity": 1.0, "evaluation_probability": 1.0}

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rankings:
    """A batch of rankings.

    Attributes:
      batch: the rankings as the estimators see them.
      labels: column -> [n] text of each ranking's first position.
    """

    batch: RankingBatch
    labels: dict[str, pa.Array]


def rankings(batches: Iterable[tuple[Rows, FloatArray]], slots: int, with_users: bool) -> Iterator[Rankings]:
    """Rankings, each whole, however the rows were cut into batches.

    Args:
      batches: rows sorted by ranking and position, with the evaluation policy's probability of each, [n].
      slots: positions of the longest ranking.
      with_users: add the hash of each ranking's user, or of the ranking itself if no user is known.
    """
    rest: Rows | None = None
    for new, probability in batches:
        rows = replace(new, numbers=new.numbers | {"evaluation_probability": probability})
        rows = rows if rest is None else _joined(rest, rows)
        last = int(_starts(rows)[-1])
        if last:
            yield _arranged(_part(rows, slice(0, last)), slots, with_users)
        rest = _part(rows, slice(last, len(rows)))
    if rest is not None:
        yield _arranged(rest, slots, with_users)


def _arranged(rows: Rows, slots: int, with_users: bool) -> Rankings:
    starts = _starts(rows)
    lengths = np.diff([*starts, len(rows)])
    ranking = np.repeat(np.arange(len(starts)), lengths)
    place = np.arange(len(rows)) - np.repeat(starts, lengths)
    arrays = {}
    for role, padding in _PADDING.items():
        arrays[role] = np.full((len(starts), slots), padding)
        arrays[role][ranking, place] = rows.numbers[role]
    user = None
    if with_users:
        user = hashing.of_texts(rows.texts.get("user", rows.texts["slate"]).take(pa.array(starts)))
    return Rankings(
        RankingBatch(**arrays, user=user),
        {column: values.take(pa.array(starts)) for column, values in rows.labels.items()},
    )


def _starts(rows: Rows) -> npt.NDArray[np.int64]:
    """Index of each ranking's first row."""
    codes, _ = coded(rows.texts["slate"])
    return np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))


def _part(rows: Rows, which: slice) -> Rows:
    size = which.stop - which.start
    return replace(
        rows,
        first_row=rows.first_row + which.start,
        texts={role: values.slice(which.start, size) for role, values in rows.texts.items()},
        numbers={role: values[which] for role, values in rows.numbers.items()},
        labels={column: values.slice(which.start, size) for column, values in rows.labels.items()},
    )


def _joined(first: Rows, second: Rows) -> Rows:
    return replace(
        first,
        texts={role: pa.concat_arrays([first.texts[role], second.texts[role]]) for role in first.texts},
        numbers={role: np.concatenate([first.numbers[role], second.numbers[role]]) for role in first.numbers},
        labels={
            column: pa.concat_arrays([first.labels[column], second.labels[column]]) for column in first.labels
        },
    )
