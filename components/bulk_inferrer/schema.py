"""The table that BulkInferrer hands on: one row per user, columns named as the signature's outputs."""

from __future__ import annotations

import pyarrow as pa

# Of K recommenders ranked, eligible ones first; '' pads.
SCHEMA = pa.schema(
    [
        ("user_id", pa.binary()),
        ("campaign", pa.binary()),
        ("recommenders", pa.list_(pa.binary())),
        ("scores", pa.list_(pa.float32())),
        ("propensities", pa.list_(pa.float32())),
        ("explored", pa.int64()),
        ("expires_after_days", pa.int64()),
    ]
)
