"""Logged tf.Examples as columns: the outcome of each row, and the slices that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.evaluator.rows import LOGGED, Outcome, text
from newsletter_bandit.errors import DataError
from newsletter_bandit.settings.words import NEWSLETTER

# TFMA's key of a slice: (column, value) pairs; () is the whole.
SliceKey = tuple[tuple[str, str | int], ...]


def outcome(
    rows: pa.RecordBatch,
    user_id: npt.NDArray[Any],
    further: Sequence[str] = (),
    subject: str = NEWSLETTER.subject,
) -> Outcome:
    """Logged outcome of the rows [n].

    Args:
      rows: columns of lists, as `example_files.Decoder` makes them.
      user_id: [n] or [n, 1]; named if a row is refused.
      further: names of the reward's further outcomes.
      subject: what a refusal calls a user.

    Raises:
      DataError: a row lacks a needed value, or has several; names the column and the user.
    """
    users = user_id.reshape(-1)
    columns = {name: _only_values(rows, name, users, subject) for name in LOGGED}
    outcomes = {name: _only_values(rows, name, users, subject) for name in further}
    return Outcome(**columns, user_id=users, outcomes=outcomes, subject=subject)


def slices(rows: pa.RecordBatch, features: Sequence[str]) -> Iterator[tuple[SliceKey, npt.NDArray[np.int64]]]:
    """Indices of the rows in each slice: the whole, then each feature's values."""
    yield (), np.arange(rows.num_rows)
    for name in features:
        column = _column(rows, name)
        if column is None:
            continue
        row = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
        values = pc.dictionary_encode(pc.list_flatten(column))
        code = values.indices.to_numpy(zero_copy_only=False)
        for i, value in enumerate(values.dictionary.to_pylist()):
            plain = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
            yield ((name, plain),), row[code == i].astype(np.int64)


def _only_values(rows: pa.RecordBatch, name: str, users: npt.NDArray[Any], subject: str) -> npt.NDArray[Any]:
    column = _column(rows, name)
    lengths = np.zeros(rows.num_rows, np.int64)
    if column is not None:
        lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    if (lengths != 1).any():
        row = int(np.argmax(lengths != 1))
        raise DataError(
            f"evaluation row of {subject} {text(users[row])}: {name} has {lengths[row]} values; allowed: "
            "exactly one number"
        )
    found: npt.NDArray[Any] = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    if found.dtype.kind not in "fiu":
        raise DataError(f"evaluation rows: {name} holds {column.type.value_type}; allowed: numbers")
    return found


def _column(rows: pa.RecordBatch, name: str) -> Any:
    """The column; None where no row has a value."""
    index = rows.schema.get_field_index(name)
    column = None if index < 0 else rows.column(index)
    return None if column is None or pa.types.is_null(column.type) else column
