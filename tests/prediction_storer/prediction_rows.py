"""Rows as BulkInferrer hands them on, for the tests of this folder."""

from __future__ import annotations

import datetime as dt
from typing import Any

from components.prediction_storer.post_process import Row, Stamp

RECOMMENDERS = ("deals", "refill", "top_rated")
GENERATED_AT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
STAMP = Stamp("7", GENERATED_AT)
EXPIRES_AT = GENERATED_AT + dt.timedelta(days=3)


def row(user: str = "user-1", /, **changes: Any) -> Row:
    """A good row; ``changes`` name columns without their prefix, None leaves one out."""
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
    return {f"out_{name}": value for name, value in values.items() if value is not None}
