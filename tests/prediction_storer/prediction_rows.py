"""Rows as BulkInferrer hands them on, for the tests of this folder."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from components.bulk_inferrer.schema import SCHEMA
from components.prediction_storer.post_process import Row, Stamp

RECOMMENDERS = ("deals", "refill", "top_rated")
GENERATED_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
STAMP = Stamp("7", GENERATED_AT, "newsletter")
EXPIRES_AT = GENERATED_AT + dt.timedelta(days=3)


def row(user: str = "user-1", /, **changes: Any) -> Row:
    """A good row; ``changes`` name columns, None leaves one out."""
    values: dict[str, Any] = {
        "user_id": [user.encode()],
        "campaign": [b"monday"],
        "recommenders": [b"refill", b"deals", b""],
        "scores": [0.5, 0.25, 0.0],
        "propensities": [0.925, 1.0, 0.0],
        "explored": [1],
        "expires_after_days": [3],
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """The rows as BulkInferrer's table holds them; each has at most one value where the table has one."""
    columns = []
    for field in SCHEMA:
        values: list[Any] = [row.get(field.name) for row in rows]
        if not pa.types.is_list(field.type):
            assert all(value is None or len(value) <= 1 for value in values)
            values = [value[0] if value else None for value in values]
        columns.append(pa.array(values, field.type))
    return pa.record_batch(columns, schema=SCHEMA)
